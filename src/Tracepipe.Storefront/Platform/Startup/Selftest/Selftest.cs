using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tracepipe.Storefront.Platform;

/// <summary>
/// <c>--selftest</c>: starts the whole product on free ports with a temporary data folder and walks the main journey as an outside client does. What the
/// product says over HTTP is all it knows.
/// </summary>
internal static partial class Selftest
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    public static async Task<int> RunAsync(CommandLine command, Composition compose, CancellationToken cancel)
    {
        var folder = Path.Combine(Path.GetTempPath(), "tracepipe-selftest-" + RandomNumberGenerator.GetHexString(8, lowercase: true));
        var total = Stopwatch.StartNew();
        try
        {
            const string freePort = "http://127.0.0.1:0";
            StorefrontApp? app = null;
            await StepAsync("start", async () => app = await StorefrontApp.StartAsync(
                CommandLine.Parse([.. command.Rest, "--urls", freePort, "--sandbox-urls", freePort, "--data", folder, "--environment", "Development"]),
                compose, builder => builder.Logging.SetMinimumLevel(LogLevel.Warning), listen: true, cancel));
            await using (app)
            {
                using var browser = new OutsideBrowser(new Uri(app!.Address));
                await WalkAsync(browser, cancel);
            }
            await Console.Out.WriteLineAsync($"PASS in {total.Elapsed.TotalSeconds:0.0} s");
            return 0;
        }
        catch (Exception failure) when (failure is SelftestFailure or HttpRequestException or JsonException or StartupException or TaskCanceledException)
        {
            await Console.Out.WriteLineAsync($"FAIL after {total.Elapsed.TotalSeconds:0.0} s: {failure.Message}");
            return 1;
        }
        finally
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task WalkAsync(OutsideBrowser browser, CancellationToken cancel)
    {
        var email = $"selftest-{RandomNumberGenerator.GetHexString(6, lowercase: true)}@example.com";
        string slug = "", organization = "", key = "";
        await StepAsync("landing page", async () => Expect(await browser.OpenAsync("/", cancel), HttpStatusCode.OK));
        await StepAsync("register", async () =>
        {
            var page = await browser.SubmitAsync("/register", new Dictionary<string, string>(StringComparer.Ordinal) { ["Name"] = "Selma Test", ["Email"] = email, ["Password"] = "every pipe has two ends" }, cancel);
            Expect(page, HttpStatusCode.OK, "Check your mail");
        });
        await StepAsync("open the mailed link", async () =>
        {
            var link = await EventuallyAsync("a mail with a link arrives at /dev/mail", async () =>
            {
                var tray = await browser.OpenAsync("/dev/mail", cancel);
                if (MailLink().Match(tray.Html) is { Success: true } direct) return WebUtility.HtmlDecode(direct.Value);
                if (TrayEntry().Match(tray.Html) is not { Success: true } entry) return null;
                var mail = await browser.OpenAsync(entry.Groups["path"].Value, cancel);
                return MailLink().Match(mail.Html) is { Success: true } found ? WebUtility.HtmlDecode(found.Value) : null;
            }, cancel);
            var page = await browser.OpenAsync(new Uri(link).PathAndQuery, cancel);
            Expect(page, HttpStatusCode.OK, "Dashboard");
            slug = page.At.AbsolutePath.Split('/')[2];
        });
        await StepAsync("put a card on file", async () =>
        {
            var page = await browser.OpenAsync($"/o/{slug}/settings/billing/payment-methods", cancel);
            Expect(page, HttpStatusCode.OK, "Payment methods");
            organization = Found(AccountPath().Match(page.Html), "the address of the billing account").Groups["id"].Value;
            var stripeJs = new Uri(Found(StripeJs().Match(page.Html), "the address of Stripe.js").Groups["url"].Value);
            var config = await browser.Http.GetFromJsonAsync<JsonElement>("/api/billing/config", cancel);
            using var ask = new HttpRequestMessage(HttpMethod.Post, $"/api/billing/account/{organization}/setup-intent") { Content = JsonContent.Create(new { }) };
            ask.Headers.Add("RequestVerificationToken", WebUtility.HtmlDecode(Found(FormToken().Match(page.Html), "the antiforgery token").Groups["token"].Value));
            using var asked = await browser.Http.SendAsync(ask, cancel);
            var intent = await BodyAsync(asked, cancel);
            var publishable = config.GetProperty("publishable_key").GetString()!;
            await ConfirmAsync(stripeJs, publishable, intent.GetProperty("setup_intent_id").GetString()!, intent.GetProperty("client_secret").GetString()!, cancel);
        });
        await StepAsync("the webhook has its effect", async () => await EventuallyAsync("the account has a payment method", async () =>
        {
            var account = await browser.Http.GetFromJsonAsync<JsonElement>($"/api/billing/account/{organization}", cancel);
            return account.GetProperty("has_payment_method").GetBoolean() && string.Equals(account.GetProperty("status").GetString(), "active", StringComparison.Ordinal) ? "yes" : null;
        }, cancel));
        await StepAsync("create an API key", async () =>
        {
            var page = await browser.SubmitAsync($"/o/{slug}/keys/new", new Dictionary<string, string>(StringComparer.Ordinal) { ["Name"] = "Self-test" }, cancel);
            key = Found(KeyText().Match(page.Html), "the new key").Value;
            var again = await browser.OpenAsync($"/o/{slug}/keys", cancel);
            if (again.Html.Contains(key, StringComparison.Ordinal)) throw new SelftestFailure("The key is shown a second time.");
        });
        await StepAsync("call the API", async () =>
        {
            using var answer = await CallAsync(browser, key, cancel);
            var me = await BodyAsync(answer, cancel);
            if (!string.Equals(me.GetProperty("organization").GetProperty("id").GetString(), organization, StringComparison.Ordinal)) throw new SelftestFailure("The key speaks for another organization.");
        });
        await StepAsync("revoke the key and be refused", async () =>
        {
            var keys = await browser.OpenAsync($"/o/{slug}/keys", cancel);
            var id = Found(RevokeForm().Match(keys.Html), "the form that revokes the key").Groups["path"].Value;
            await browser.SubmitFormAsync(keys, id, cancel);
            using var refused = await CallAsync(browser, key, cancel);
            if (refused.StatusCode is not HttpStatusCode.Unauthorized) throw new SelftestFailure($"A revoked key got {(int)refused.StatusCode}.");
        });
    }

    private static Task<HttpResponseMessage> CallAsync(OutsideBrowser browser, string key, CancellationToken cancel)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/v1/users/me");
        request.Headers.Add("X-API-Key", key);
        return browser.Http.SendAsync(request, cancel);
    }

    /// <summary>What the card form does in a browser: publishable key, client secret, a test card, straight to the payment provider.</summary>
    private static async Task ConfirmAsync(Uri stripeJs, string publishableKey, string intent, string clientSecret, CancellationToken cancel)
    {
        using var provider = new HttpClient { BaseAddress = new Uri(stripeJs.GetLeftPart(UriPartial.Authority)), Timeout = Patience };
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/v1/setup_intents/{intent}/confirm")
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["client_secret"] = clientSecret,
                ["payment_method_data[type]"] = "card",
                ["payment_method_data[card][number]"] = "4242424242424242",
                ["payment_method_data[card][exp_month]"] = "12",
                ["payment_method_data[card][exp_year]"] = "2040",
                ["payment_method_data[card][cvc]"] = "123",
            }),
        };
        request.Headers.Authorization = new("Bearer", publishableKey);
        using var response = await provider.SendAsync(request, cancel);
        var confirmed = await BodyAsync(response, cancel);
        if (confirmed.GetProperty("status").GetString() is not "succeeded") throw new SelftestFailure($"The card was not saved: {confirmed.GetProperty("status")}.");
    }

    private static async Task<JsonElement> BodyAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        var text = await response.Content.ReadAsStringAsync(cancel);
        if (!response.IsSuccessStatusCode) throw new SelftestFailure($"{response.RequestMessage!.Method} {response.RequestMessage.RequestUri!.AbsolutePath} answered {(int)response.StatusCode}: {text}");
        return JsonElement.Parse(text);
    }

    private static async Task StepAsync(string name, Func<Task> act)
    {
        var watch = Stopwatch.StartNew();
        await act();
        await Console.Out.WriteLineAsync($"  {name,-36} {watch.Elapsed.TotalMilliseconds,8:0} ms");
    }

    private static async Task<string> EventuallyAsync(string what, Func<Task<string?>> look, CancellationToken cancel)
    {
        var watch = Stopwatch.StartNew();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        do
        {
            if (await look() is { } found) return found;
        }
        while (watch.Elapsed < Patience && await timer.WaitForNextTickAsync(cancel));
        throw new SelftestFailure($"Waited {Patience.TotalSeconds:0} s, but not: {what}.");
    }

    private static void Expect(OutsidePage page, HttpStatusCode status, string? heading = null)
    {
        if (page.Status != status || (heading is not null && !string.Equals(page.Heading, heading, StringComparison.Ordinal)))
            throw new SelftestFailure($"{page.At.AbsolutePath} answered {(int)page.Status} “{page.Heading}” instead of {(int)status} “{heading}”.");
    }

    private static Match Found(Match match, string what) => match.Success ? match : throw new SelftestFailure($"The page does not have {what}.");

    [GeneratedRegex("http[^\"<\\s]+/verify-email\\?[^\"<\\s]+", RegexOptions.None, 1000)]
    private static partial Regex MailLink();

    [GeneratedRegex("href=\"(?<path>/dev/mail/[0-9]+)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex TrayEntry();

    [GeneratedRegex("/api/billing/account/(?<id>[0-9a-f-]{36})", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex AccountPath();

    [GeneratedRegex("\"(?<url>http[^\"]+stripe\\.js)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex StripeJs();

    [GeneratedRegex("name=\"__RequestVerificationToken\"[^>]*value=\"(?<token>[^\"]+)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex FormToken();

    [GeneratedRegex("tp_live_[0-9A-Za-z]{38}", RegexOptions.None, 1000)]
    private static partial Regex KeyText();

    [GeneratedRegex("<form[^>]*action=\"(?<path>[^\"]*revoke[^\"]*)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex RevokeForm();
}
