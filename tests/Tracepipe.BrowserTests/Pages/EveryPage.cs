using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.Tests.App;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.Pages;

/// <summary>
/// Catches: a page that nobody opened in the dark, on a phone, with a screen reader's rules, with the longest names, or with every field wrong; a title that
/// is not the agreed one; anything the browser complains about.
/// </summary>
public sealed class EveryPage(BrowserFixture browser, TestApp app) : ProductTest(browser, app), IClassFixture<TestApp>
{
    private const string LongName = "Institute for Applied Interaction Research and Browser Study";

    [Theory, MemberData(nameof(Windows))]
    public async Task Public_pages(int width)
    {
        ExpectedComplaints.Add("404 (Not Found)");
        ExpectedComplaints.Add("410 (Gone)");
        var page = await OpenPageAsync(Window(width));
        var walk = new Walk(this, page, width);
        await walk.OpenAsync("/", "Browser sessions in. Training data out.", "landing");
        await walk.OpenAsync("/pricing", "Pricing");
        await walk.OpenAsync("/pricing?workflows=many&tokens=-1&storage=1e9", "Pricing", "pricing-wrong");
        await walk.OpenAsync("/docs", "Documentation");
        await walk.OpenAsync("/docs/quickstart", "Quickstart");
        await walk.OpenAsync("/docs/capture", "Capture a trace");
        await walk.OpenAsync("/docs/capture?tool=perfetto", "Capture a trace", "capture-perfetto");
        await walk.OpenAsync("/docs/capture?tool=tracing", "Capture a trace", "capture-tracing");
        await walk.OpenAsync("/docs/errors", "Errors");
        await walk.OpenAsync("/docs/api", "API reference");
        await walk.OpenAsync("/status", "Status");
        await walk.OpenAsync("/dev/mail", "Mail");
        await walk.OpenAsync("/no-such-page", "Page not found");
        await walk.OpenAsync("/dev/mail/987654", "Page not found", "mail-not-found");
        if (width < 640)
        {
            await page.GotoAsync(Url("/"));
            await page.GetByRole(AriaRole.Button, new() { Name = "Open menu" }).ClickAsync();
            await walk.LookAsync("landing-menu", isOnlyHere: true);
        }
        walk.Ends();
    }

    [Theory, MemberData(nameof(Windows))]
    public async Task Pages_of_accounts(int width)
    {
        ExpectedComplaints.Add("410 (Gone)");
        ExpectedComplaints.Add("422 (Unprocessable");
        var page = await OpenPageAsync(Window(width));
        var walk = new Walk(this, page, width);
        await walk.OpenAsync("/register", "Create your account");
        await page.GetByRole(AriaRole.Button, new() { Name = "Create account" }).ClickAsync();
        await walk.HasErrorsAsync("register-wrong", "3 fields need another look");
        await page.GetByLabel("Name").FillAsync("Maya Okafor");
        await page.GetByLabel("Email").FillAsync($"maya-{width}@example.com");
        await page.GetByLabel("Password", new() { Exact = true }).FillAsync("password1234");
        await page.GetByRole(AriaRole.Button, new() { Name = "Create account" }).ClickAsync();
        await Expect(page.GetByLabel("Name")).Not.ToHaveAttributeAsync("aria-invalid", "true"); // no more: the answer has come
        await Expect(page.GetByLabel("Password", new() { Exact = true })).ToHaveAttributeAsync("aria-invalid", "true");
        await walk.LookAsync("register-weak");
        await page.GetByLabel("Password", new() { Exact = true }).FillAsync("a long walk in the rain");
        await page.GetByRole(AriaRole.Button, new() { Name = "Create account" }).ClickAsync();
        await walk.TitleAsync("Check your mail");
        await walk.LookAsync("check-your-mail");
        await page.GetByRole(AriaRole.Link, new() { Name = "Open the mail tray" }).ClickAsync();
        await page.GetByRole(AriaRole.Row).Filter(new() { HasText = $"maya-{width}@" }).GetByRole(AriaRole.Link).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "verify-email" })).ToBeVisibleAsync();
        await walk.LookAsync("mail");

        await walk.OpenAsync("/login", "Log in");
        await page.GetByRole(AriaRole.Button, new() { Name = "Log in" }).ClickAsync();
        await walk.HasErrorsAsync("login-empty", "2 fields need another look");
        await page.GetByLabel("Email").FillAsync("nobody@example.com");
        await page.GetByLabel("Password", new() { Exact = true }).FillAsync("something else entirely");
        await page.GetByRole(AriaRole.Button, new() { Name = "Log in" }).ClickAsync();
        await walk.HasErrorsAsync("login-wrong", "Email and password do not match. If you have just registered, open the link we mailed you first.");
        await walk.OpenAsync("/forgot-password", "Choose a new password");
        await walk.OpenAsync("/verify-email?token=cut", "This link no longer works", "verify-email-gone");
        await walk.OpenAsync("/reset-password?token=cut", "This link no longer works", "reset-password-gone");

        var person = await App.NewPersonAsync();
        await person.Browser.SubmitAsync("/forgot-password", new() { ["Email"] = person.Email });
        var link = await TestApp.EventuallyAsync(() => App.LinkInMailAsync(person.Email), l => l.StartsWith("/reset-password", StringComparison.Ordinal));
        await walk.OpenAsync(link, "Set a new password", "reset-password");
        walk.Ends();
    }

    [Theory, MemberData(nameof(Windows))]
    public async Task Pages_of_an_organization(int width)
    {
        ExpectedComplaints.Add("404 (Not Found)");
        ExpectedComplaints.Add("422 (Unprocessable");
        var person = await App.NewPersonAsync("Maya Okafor");
        var page = await OpenPageAsync(person, Window(width));
        var walk = new Walk(this, page, width);
        var home = $"/o/{person.Slug}";
        await walk.OpenAsync(home + "/dashboard", "Dashboard", "dashboard-new");
        await walk.OpenAsync(home + "/keys", "API keys", "keys-empty");
        await FillAsync(person);
        await walk.OpenAsync(home + "/dashboard", "Dashboard");
        await walk.OpenAsync(home + "/keys", "API keys");
        await page.GetByRole(AriaRole.Button, new() { Name = "Create key" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Create an API key" })).ToBeVisibleAsync();
        await walk.LookAsync("keys-create");
        await page.Keyboard.PressAsync("Escape");
        await page.GetByRole(AriaRole.Button, new() { Name = "Revoke CI runner" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Revoke “CI runner”?" })).ToBeVisibleAsync();
        await walk.LookAsync("keys-revoke");
        await walk.OpenAsync(home + "/keys/new", "Create an API key");
        await page.GetByRole(AriaRole.Button, new() { Name = "Create key" }).ClickAsync();
        await Expect(page.GetByLabel("Name")).ToHaveAttributeAsync("aria-invalid", "true");
        await walk.LookAsync("keys-new-wrong");
        var key = await App.ScalarAsync<Guid>($"select id from api_keys where organization_id = '{person.OrganizationId}' and name = 'CI runner'");
        await walk.OpenAsync($"{home}/keys/{key}/revoke", "Revoke “CI runner”?", "keys-revoke-page");
        await walk.OpenAsync(home + "/settings/billing/payment-methods", "Payment methods");
        await walk.OpenAsync("/settings/profile", "Profile");
        await page.GetByRole(AriaRole.Button, new() { Name = "Change email" }).ClickAsync();
        await walk.HasErrorsAsync("profile-wrong", "2 fields need another look");
        await walk.OpenAsync("/settings/security", "Security");
        await page.GetByRole(AriaRole.Button, new() { Name = "Change password" }).ClickAsync();
        await walk.HasErrorsAsync("security-wrong", "2 fields need another look");
        await walk.OpenAsync("/docs/quickstart", "Quickstart", "quickstart-signed-in");
        await walk.OpenAsync("/pricing", "Pricing", "pricing-signed-in");
        await walk.OpenAsync("/o/somebody-else/keys", "Page not found", "not-found-signed-in");
        await page.GotoAsync(Url(home + "/dashboard"));
        await page.GetByRole(AriaRole.Button, new() { Name = width < 768 ? "Open menu" : "Account menu" }).ClickAsync();
        await walk.LookAsync("menu", isOnlyHere: true);
        if (width >= 768)
        {
            await page.Keyboard.PressAsync("Escape");
            await page.GetByRole(AriaRole.Button, new() { Name = "Switch organization" }).ClickAsync();
            await walk.LookAsync("menu-organizations", isOnlyHere: true);
        }
        walk.Ends();
    }

    public static TheoryData<int> Windows => [1440, 390];

    /// <summary>A world with the longest names: keys of every state, a card, a second device.</summary>
    private async Task FillAsync(TestPerson person)
    {
        var at = $"organization_id = '{person.OrganizationId}'";
        string[] names = ["Production ingest", "Nightly export", "CI runner", "Old laptop", "The key of the program that runs on the machine in the cellar behind_the_boxes_which_nobody_may_stop"];
        foreach (var name in names) (await person.Browser.SubmitAsync($"/o/{person.Slug}/keys/new", new() { ["Name"] = name }, "Create key")).EnsureSuccessStatusCode();
        await App.ExecuteAsync($"""
            update organizations set name = '{LongName}' where id = '{person.OrganizationId}';
            update api_keys set last_used_at = now() - interval '12 minutes', created_at = now() - interval '50 days' where {at} and name = 'Production ingest';
            update api_keys set expires_at = now() + interval '4 days 1 hour' where {at} and name = 'CI runner';
            update api_keys set revoked_at = now() - interval '2 days' where {at} and name = 'Old laptop';
            """);
    }

    /// <summary>One window on its way through pages; what is wrong is told together at the end.</summary>
    private sealed class Walk(EveryPage test, IPage page, int width)
    {
        private readonly List<string> flaws = [];

        public async Task OpenAsync(string path, string title, string? picture = null)
        {
            await page.GotoAsync(test.Url(path));
            await TitleAsync(title);
            await LookAsync(picture ?? path.Split('/')[^1]);
        }

        public async Task TitleAsync(string title)
        {
            await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveCountAsync(1);
            await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync(title);
        }

        public async Task HasErrorsAsync(string picture, string summary)
        {
            await Expect(page.GetByRole(AriaRole.Heading, new() { Name = summary })).ToBeVisibleAsync();
            await Expect(page.Locator("[data-error-summary]")).ToBeFocusedAsync();
            await LookAsync(picture);
        }

        public async Task LookAsync(string picture, bool isOnlyHere = false) => flaws.AddRange(await FlawsAsync(page, $"pages/{picture}-{width}", isOnlyHere));

        public void Ends() => None(flaws);
    }
}
