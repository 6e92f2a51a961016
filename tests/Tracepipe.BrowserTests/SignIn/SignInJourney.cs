using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.Tests.Accounts;
using Tracepipe.Tests.Accounts.External;
using Tracepipe.Tests.App;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.SignIn;

/// <summary>
/// Catches: a way to the provider or back that Turbo, the Content-Security-Policy or a browser without script stops, and a refusal that says nothing to a
/// person. The provider is the certified one; every case begins at our own button.
/// </summary>
public sealed class SignInJourney(BrowserFixture browser, EntraApp app) : ProductTest(browser, app), IClassFixture<EntraApp>
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_person_comes_leaves_and_returns(bool script)
    {
        var (account, email) = await app.NewcomerAsync();
        var page = await OpenPageAsync(new BrowserNewContextOptions { JavaScriptEnabled = script });
        await page.GotoAsync(Url("/"));
        await page.GetByRole(AriaRole.Link, new() { Name = "Get started" }).First.ClickAsync();
        await SignInAsync(page, account);
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Dashboard" })).ToBeVisibleAsync();
        Assert.Equal(1, await app.CountAsync($"people where email = '{email}'"));

        await LogOutAsync(page);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out of the provider" }).ClickAsync();
        await Expect(page).ToHaveURLAsync(Url("/login"));
        await SignInAsync(page, account); // the provider asks again: its session has ended as well
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Dashboard" })).ToBeVisibleAsync();
        Assert.Equal(2, await app.CountAsync($"signed_in_devices d join people p on p.id = d.person_id where p.email = '{email}'"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_person_links_the_provider_logs_in_with_it_and_unlinks_it(bool script)
    {
        ExpectedComplaints.Add("status of 422");
        var (account, _) = await app.NewcomerAsync();
        var (page, person) = await SignedInAsync(new() { JavaScriptEnabled = script });
        await page.GotoAsync(Url("/settings/security"));
        await page.GetByRole(AriaRole.Link, new() { Name = "Link Microsoft" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Link Microsoft" })).ToBeVisibleAsync();
        await page.GetByLabel("Current password").FillAsync("a wrong one, surely");
        await page.GetByRole(AriaRole.Button, new() { Name = "Continue with Microsoft" }).ClickAsync();
        await Expect(page.GetByText("This is not your password.")).ToBeVisibleAsync();
        await page.GetByLabel("Current password").FillAsync(person.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Continue with Microsoft" }).ClickAsync();
        await AtProviderAsync(page, account);
        await Expect(page).ToHaveURLAsync(Url("/settings/security"));
        await Expect(page.GetByText($"{account}@contoso.example")).ToBeVisibleAsync();

        var other = await OpenPageAsync(new BrowserNewContextOptions { JavaScriptEnabled = script });
        await other.GotoAsync(Url("/login?returnUrl=%2Fsettings%2Fprofile"));
        await SignInAsync(other, account);
        await Expect(other.GetByText($"You log in as {person.Email}.")).ToBeVisibleAsync();

        await page.GetByRole(AriaRole.Button, new() { Name = "Unlink Microsoft" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Link Microsoft" })).ToBeVisibleAsync();
        Assert.Equal(0, await app.CountAsync($"external_identities where person_id = '{person.Id}'"));
    }

    [Fact]
    public async Task The_only_way_in_has_no_button_that_takes_it_away()
    {
        var (account, _) = await app.NewcomerAsync();
        var page = await OpenPageAsync();
        await page.GotoAsync(Url("/login"));
        await SignInAsync(page, account);
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Dashboard" })).ToBeVisibleAsync();
        await page.GotoAsync(Url("/settings/security"));
        await Expect(page.GetByText("Your only way in")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Unlink Microsoft" })).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Keys_may_roll_while_people_sign_in()
    {
        foreach (var algorithm in new[] { "RS256", "RS256" })
        {
            var (account, _) = await app.NewcomerAsync();
            var page = await OpenPageAsync();
            await page.GotoAsync(Url("/login"));
            await Continue(page).ClickAsync();
            await app.Provider.RotateAsync(algorithm);
            await AtProviderAsync(page, account);
            await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Dashboard" })).ToBeVisibleAsync();
        }
    }

    public static TheoryData<string, object> Wrong => new()
    {
        { "wrong audience", new { set = new { aud = "somebody-else" } } },
        { "wrong issuer", new { set = new { iss = "https://evil.example" } } },
        { "expired", new { set = new { exp = TimeProvider.System.GetUtcNow().AddMinutes(-3).ToUnixTimeSeconds() } } },
        { "missing nonce", new { remove = new[] { "nonce" } } },
        { "no signature", new { sign = "none" } },
        { "tampered signature", new { sign = "keep", set = new { oid = "somebody-else" } } },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task A_wrong_token_ends_at_a_page_in_plain_words(string what, object fault)
    {
        ExpectedComplaints.Add("status of 400");
        var (account, email) = await app.NewcomerAsync();
        var page = await OpenPageAsync();
        await page.GotoAsync(Url("/login"));
        await app.Provider.SpoilNextAsync(fault);
        await SignInAsync(page, account);
        await ProblemAsync(page, "The sign-in could not be confirmed");
        Assert.True(await app.CountAsync($"people where email = '{email}'") == 0, what);
        await page.GetByRole(AriaRole.Link, new() { Name = "Back to log in" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Log in" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_return_that_is_opened_again_lets_nobody_in()
    {
        ExpectedComplaints.Add("status of 400");
        var (account, _) = await app.NewcomerAsync();
        var page = await OpenPageAsync();
        var returned = "";
        page.Request += (_, request) => { if (request.Url.Contains("/signin-oidc/", StringComparison.Ordinal)) returned = request.Url; };
        await page.GotoAsync(Url("/login"));
        await Continue(page).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Textbox, new() { Name = "Account" })).ToBeVisibleAsync();
        var cookies = (await page.Context.CookiesAsync([Url("/")])).Select(c => new Microsoft.Playwright.Cookie { Name = c.Name, Value = c.Value, Url = Url("/"), HttpOnly = c.HttpOnly }).ToList();
        await AtProviderAsync(page, account);
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Dashboard" })).ToBeVisibleAsync();
        await page.Context.ClearCookiesAsync();
        await page.Context.AddCookiesAsync(cookies); // as it was when it left for the provider: only the state's use tells the difference
        await page.GotoAsync(returned);
        await ProblemAsync(page, "This sign-in has run out");
        Assert.Contains(app.Log, l => l.Contains("the state was used before", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Who_cancels_is_told_so_and_can_begin_again()
    {
        ExpectedComplaints.Add("status of 400");
        var page = await OpenPageAsync();
        await page.GotoAsync(Url("/login"));
        await Continue(page).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        await ProblemAsync(page, "Sign-in canceled");
        var (account, _) = await app.NewcomerAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Back to log in" }).ClickAsync();
        await SignInAsync(page, account);
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Dashboard" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task An_address_that_is_taken_leads_to_log_in_and_linking()
    {
        ExpectedComplaints.Add("status of 409");
        var owner = await app.NewPersonAsync();
        var (account, _) = await app.NewcomerAsync(email: owner.Email);
        var page = await OpenPageAsync();
        await page.GotoAsync(Url("/register"));
        await SignInAsync(page, account);
        await ProblemAsync(page, "You already have an account");
    }

    [Fact]
    public async Task An_unchecked_address_is_proved_by_mail_in_the_same_browser()
    {
        var (account, email) = await app.NewcomerAsync(isVerified: false);
        var page = await OpenPageAsync();
        await page.GotoAsync(Url("/register"));
        await SignInAsync(page, account);
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Check your mail" })).ToBeVisibleAsync();
        await page.GotoAsync(Url(await app.LinkInMailAsync(email)));
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Dashboard" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_difference_of_clocks_is_borne_up_to_two_minutes()
    {
        ExpectedComplaints.Add("status of 400");
        foreach (var (minutes, isIn) in new[] { (-1.5, true), (-3, false) })
        {
            var (account, _) = await app.NewcomerAsync();
            var page = await OpenPageAsync();
            app.Clock.Advance(TimeSpan.FromMinutes(minutes));
            try
            {
                await page.GotoAsync(Url("/login"));
                await SignInAsync(page, account);
                await Expect(page.GetByRole(AriaRole.Heading, new() { Name = isIn ? "Dashboard" : "The sign-in could not be confirmed" })).ToBeVisibleAsync();
            }
            finally
            {
                app.Clock.Advance(TimeSpan.FromMinutes(-minutes));
            }
        }
    }

    [Theory]
    [InlineData(1440)]
    [InlineData(390)]
    public async Task Nothing_is_wrong_for_axe_and_nothing_scrolls_sideways(int width)
    {
        ExpectedComplaints.Add("status of 400");
        var (page, person) = await SignedInAsync(Window(width));
        var (account, _) = await app.NewcomerAsync();
        await app.LinkAsync(person.Browser, account, person.Password);
        var flaws = new List<string>();
        foreach (var path in new[] { "/settings/security", "/settings/security/link/microsoft" })
        {
            await page.GotoAsync(Url(path));
            flaws.AddRange(await FlawsAsync(page, $"sign-in{path.Replace('/', '-')}-{width}"));
        }
        var visitor = await OpenPageAsync(Window(width));
        foreach (var path in new[] { "/login", "/register", "/login/problem?provider=microsoft&reason=untrusted&reference=0af7651916cd43dd8448eb211c80319c" })
        {
            await visitor.GotoAsync(Url(path));
            flaws.AddRange(await FlawsAsync(visitor, $"sign-in{path.Split('?')[0].Replace('/', '-')}-{width}"));
        }
        None(flaws);
    }

    private static ILocator Continue(IPage page) => page.GetByRole(AriaRole.Link, new() { Name = "Continue with Microsoft" });

    private static async Task SignInAsync(IPage page, string account)
    {
        await Continue(page).ClickAsync();
        await AtProviderAsync(page, account);
    }

    private static async Task AtProviderAsync(IPage page, string account)
    {
        await page.GetByRole(AriaRole.Textbox, new() { Name = "Account" }).FillAsync(account); // our own pages have a menu of that name
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
    }

    private static async Task LogOutAsync(IPage page)
    {
        var button = page.GetByRole(AriaRole.Button, new() { Name = "Log out" });
        await page.GetByRole(AriaRole.Button, new() { Name = "Account menu" }).ClickAsync();
        await button.ClickAsync();
    }

    private static async Task ProblemAsync(IPage page, string title)
    {
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = title })).ToBeVisibleAsync();
        await Expect(page.GetByText("Reference", new() { Exact = false }).Last).ToBeVisibleAsync();
    }
}

/// <summary>Catches: a log-in page that goes away together with the provider.</summary>
public sealed class AwayJourney(BrowserFixture browser, EntraApp app) : ProductTest(browser, app), IClassFixture<EntraApp>
{
    [Fact]
    public async Task A_provider_that_is_away_says_so_and_a_password_still_works()
    {
        ExpectedComplaints.Add("status of 503");
        var person = await app.NewPersonAsync();
        await app.Provider.BeAwayAsync(true);
        var page = await OpenPageAsync();
        await page.GotoAsync(Url("/login"));
        await page.GetByRole(AriaRole.Link, new() { Name = "Continue with Microsoft" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "The sign-in service does not answer" })).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Back to log in" }).ClickAsync();
        await page.GetByLabel("Email").FillAsync(person.Email);
        await page.GetByLabel("Password", new() { Exact = true }).FillAsync(person.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Log in" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Dashboard" })).ToBeVisibleAsync();
    }
}
