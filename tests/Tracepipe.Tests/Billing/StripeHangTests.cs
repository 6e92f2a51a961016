using System.Diagnostics;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Components.Endpoints;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>Fault R06. Catches: a page that waits for Stripe, a button that never comes back, and what was asked for meanwhile and is forgotten.</summary>
public sealed partial class StripeHangTests(TimedPlanApp app, ITestOutputHelper output) : IClassFixture<TimedPlanApp>
{
    private const int Visits = 4;

    private sealed record Button(Buyer Buyer, HttpMethod Method, string Path, string Json);

    // Seen to fail when a page asked Stripe, and while /status waited three seconds for it.
    [Fact]
    public async Task Every_page_answers_at_once_and_every_button_in_time_while_Stripe_hangs()
    {
        var (buyer, newcomer) = (await app.NewBuyerAsync(), await app.NewBuyerAsync());
        await app.SubscribeAsync(buyer, "pro");
        foreach (var card in (string[])["pm_card_mastercard", "pm_card_amex", "pm_card_visa_debit"]) await buyer.AddCardAsync(card);
        var cards = (await buyer.CardsAsync()).Where(c => !c.GetProperty("is_default").GetBoolean()).Select(c => c.Text("id")).ToList();
        var free = await buyer.FreeMethodAsync();
        var begun = await newcomer.CallAsync(HttpMethod.Post, $"{newcomer.Account}/credits/checkout", json: """{"amount_usd":5}""");
        var pages = await PagesAsync(buyer, newcomer, begun.Text("session_id"));
        foreach (var (visitor, path) in pages.Where(p => p.Path is not "/status")) await VisitAsync(visitor, path); // compiled, and known to work; an answer about Stripe would be believed for a while
        Button[] buttons =
        [
            new(buyer, HttpMethod.Post, "setup-intent", "{}"), new(buyer, HttpMethod.Post, "payment-method", $$"""{"payment_method_id":"{{free}}","set_as_default":false}"""),
            new(buyer, HttpMethod.Put, $"payment-methods/{cards[0]}/default", "{}"), new(buyer, HttpMethod.Patch, $"payment-methods/{cards[1]}", """{"exp_month":11,"exp_year":2041}"""),
            new(buyer, HttpMethod.Delete, $"payment-methods/{cards[2]}", "{}"), new(buyer, HttpMethod.Post, "portal", "{}"), new(buyer, HttpMethod.Post, "subscription/change/preview", """{"tier":"team"}"""),
            new(buyer, HttpMethod.Post, "subscription/cancel", "{}"), new(newcomer, HttpMethod.Post, "subscription/checkout", """{"tier":"pro"}"""), new(newcomer, HttpMethod.Post, "lifetime/checkout", "{}"),
            new(newcomer, HttpMethod.Post, "credits/checkout", """{"amount_usd":20}"""),
        ];
        await app.SandboxAsync(HttpMethod.Post, "/_sandbox/faults", """{"kind":"hang","method":"*","count":1000000}""");
        try
        {
            var pressed = Task.WhenAll(buttons.Select(PressAsync));
            var times = new List<(string Path, double Milliseconds)>();
            for (var i = 0; i < Visits; i++)
                foreach (var (visitor, path) in pages) times.Add((path, await VisitAsync(visitor, path)));
            times.Sort((a, b) => a.Milliseconds.CompareTo(b.Milliseconds));
            output.WriteLine($"{pages.Count} pages, {times.Count} visits: median {times[times.Count / 2].Milliseconds:0.0} ms, 99 % within {times[times.Count * 99 / 100].Milliseconds:0.0} ms, the slowest {times[^1].Path} {times[^1].Milliseconds:0.0} ms");
            Assert.True(times[times.Count * 99 / 100].Milliseconds < 500 && times[^1].Milliseconds < 2500, string.Join("; ", times.TakeLast(5))); // and none, not once, waits until Stripe is given up
            foreach (var (button, status, body, seconds) in await pressed)
            {
                Assert.True((status, seconds < 20) == (502, true), $"{button.Path}: {status} after {seconds:0.0} s, {body}");
                Assert.Contains("\"stripe_unavailable\"", body, StringComparison.Ordinal);
            }
        }
        finally
        {
            await app.HealAsync();
        }

        await TestApp.EventuallyAsync(async () =>
        {
            app.Clock.Advance(TimeSpan.FromMinutes(1));
            app.Operations.Bell.Ring();
            return await app.ScalarAsync<long>("select count(*) from stripe_operations where state in ('planned', 'unknown')");
        }, n => n == 0);
        await app.PlanAsync(buyer, p => p.GetProperty("cancel_at_period_end").GetBoolean()); // found out afterwards
        foreach (var who in (Buyer[])[buyer, newcomer])
        {
            // what came of the rest is known here, and nobody is left with an open page that he cannot see
            foreach (var (at, kind, open) in new[] { ("setup_intents", "setup_intent.create", "requires_payment_method"), ("checkout/sessions", "checkout.create", "open") })
            {
                var answers = (await app.ScalarAsync<string?>($"select string_agg(answer, ',') from stripe_operations where organization_id = '{who.Organization}' and kind = '{kind}' and state = 'done'"))?.Split(',') ?? [];
                var there = await app.AtStripeAsync(who.Organization, at, "");
                Assert.Equal(answers.Order(StringComparer.Ordinal), there.Select(o => o.Text("id")).Order(StringComparer.Ordinal));
                Assert.DoesNotContain(there, o => o.Text("status") == open && o.Text("id") != begun.Text("session_id"));
            }
            await app.HearAsync();
            if (who == buyer) Assert.Equal(await app.TruthAsync(who.Organization), await app.ProjectionAsync(who.Organization));
        }
        Assert.Equal(7900, await app.ChargedAsync(buyer.Organization) + await app.ChargedAsync(newcomer.Organization));
    }

    /// <summary>Every page there is, as one who has a plan and cards sees it, and one who waits for the word of a payment; and what programs read about billing.</summary>
    private async Task<List<(Buyer Visitor, string Path)>> PagesAsync(Buyer buyer, Buyer newcomer, string session)
    {
        (await buyer.Person.Browser.SubmitAsync($"/o/{buyer.Person.Slug}/keys/new", new() { ["Name"] = "One" }, "Create key")).EnsureSuccessStatusCode();
        var key = await app.ScalarAsync<Guid>($"select id from api_keys where organization_id = '{buyer.Organization}'");
        await app.HearAsync();
        var invoice = await app.ScalarAsync<Guid>($"select id from invoices where organization_id = '{buyer.Organization}'");
        var routes = app.Services.GetRequiredService<IEnumerable<EndpointDataSource>>().SelectMany(s => s.Endpoints).OfType<RouteEndpoint>().ToList();
        var pages = routes.Where(e => e.Metadata.GetMetadata<ComponentTypeMetadata>() is not null).Select(e => "/" + e.RoutePattern.RawText!.TrimStart('/'))
            .Concat(routes.Where(e => e.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Contains("GET") == true).Select(e => "/" + e.RoutePattern.RawText!.TrimStart('/')).Where(p => p.StartsWith("/api/billing/", StringComparison.Ordinal) && Hole().Count(p) <= 1 && p.Contains("account/{organization_id}", StringComparison.OrdinalIgnoreCase)))
            .Select(p => p.Contains("/keys/{", StringComparison.Ordinal) ? p.Replace("{Id:guid}", key.ToString(), StringComparison.Ordinal) : p.Contains("/invoices/{", StringComparison.Ordinal) ? p.Replace("{Id}", invoice.ToString(), StringComparison.Ordinal) : p)
            .Select(p => Hole().Replace(p, hole => hole.Value.StartsWith("{org", StringComparison.OrdinalIgnoreCase) ? p.StartsWith("/api/", StringComparison.Ordinal) ? buyer.Organization.ToString() : buyer.Person.Slug : hole.Value.Contains(":long", StringComparison.Ordinal) ? "1" : Guid.CreateVersion7().ToString()))
            .Distinct(StringComparer.Ordinal).Select(p => (buyer, p)).ToList();
        Assert.True(pages.Count > 45, $"{pages.Count} pages");
        pages.Add((newcomer, $"/o/{newcomer.Person.Slug}/billing/success?session_id={session}&since={app.Clock.GetUtcNow().ToUnixTimeMilliseconds()}"));
        return pages;
    }

    private static async Task<double> VisitAsync(Buyer visitor, string path)
    {
        var start = Stopwatch.GetTimestamp();
        using var page = await visitor.Person.Browser.GetAsync(path);
        await page.Content.ReadAsByteArrayAsync();
        Assert.True((int)page.StatusCode < 500, $"{path}: {(int)page.StatusCode}");
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static async Task<(Button Button, int Status, string Body, double Seconds)> PressAsync(Button button)
    {
        var start = Stopwatch.GetTimestamp();
        using var answer = await button.Buyer.SendAsync(button.Method, $"{button.Buyer.Account}/{button.Path}", button.Json);
        return (button, (int)answer.StatusCode, await answer.Content.ReadAsStringAsync(), Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    [GeneratedRegex(@"\{[^}]+\}", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Hole();
}
