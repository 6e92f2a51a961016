using System.Net;
using Tracepipe.Tests.App;
using Xunit;
using static Tracepipe.Tests.Accounts.AccountVerbs;

namespace Tracepipe.Tests.Accounts;

/// <summary>Catches: an account that exists before its address is proved, a link that brings a stranger's password to life, answers that tell who has an account.</summary>
public sealed class RegistrationTests(TestApp app) : IClassFixture<TestApp>
{
    private const string Twenty = "twenty letters it is";
    private const string Hundred = Twenty + Twenty + Twenty + Twenty + Twenty;
    private const string TwoHundredAndOne = Hundred + Hundred + "!";

    [Fact]
    public async Task The_mailed_link_makes_the_person_and_opens_the_dashboard()
    {
        using var browser = app.NewBrowser();
        var email = NewEmail();
        var sent = await browser.RegisterAsync(email, name: "Grace Hopper");
        Assert.Equal(HttpStatusCode.SeeOther, sent.StatusCode);
        var page = await TestBrowser.ParseAsync(await browser.FollowAsync(sent));
        Assert.Equal("Check your mail", page.QuerySelector("h1")!.TextContent);
        Assert.NotNull(page.QuerySelector("a[href='/dev/mail']"));
        Assert.Equal(0, await app.CountAsync($"people where email = '{email}'"));
        Assert.False(await browser.IsInAsync());

        var opened = await browser.FollowAsync(await browser.GetAsync(await app.LinkInMailAsync(email)));
        Assert.EndsWith("/dashboard", opened.RequestMessage!.RequestUri!.AbsolutePath, StringComparison.Ordinal);
        Assert.Equal("Grace Hopper", await app.ScalarAsync<string>($"select display_name from people where email = '{email}'"));
        Assert.Equal(1, await app.CountAsync($"members m join people p on p.id = m.person_id where p.email = '{email}' and m.role = 'owner'"));
        Assert.True(await browser.IsInAsync());
    }

    [Fact]
    public async Task The_link_opened_again_leads_to_the_dashboard_or_says_that_it_is_used()
    {
        using var browser = app.NewBrowser();
        using var other = app.NewBrowser();
        var email = NewEmail();
        await browser.RegisterAsync(email);
        var link = await app.LinkInMailAsync(email);
        await browser.GetAsync(link);
        var again = await browser.GetAsync(link);
        Assert.Equal("/dashboard", again.Headers.Location!.OriginalString);
        var elsewhere = await other.GetAsync(link);
        Assert.Equal(HttpStatusCode.Gone, elsewhere.StatusCode);
        Assert.Equal(1, await app.CountAsync($"people where email = '{email}'"));
    }

    // Seen to fail when a GET from any browser completed the registration.
    [Fact]
    public async Task A_prefetch_or_a_mail_scanner_does_not_use_the_link_up()
    {
        using var browser = app.NewBrowser();
        var email = NewEmail();
        await browser.RegisterAsync(email);
        var link = await app.LinkInMailAsync(email);
        foreach (var header in new[] { "Sec-Purpose", "X-Sec-Purpose" })
        {
            using var prefetch = new HttpRequestMessage(HttpMethod.Get, link);
            prefetch.Headers.Add(header, "prefetch");
            Assert.Equal(425, (int)(await browser.Http.SendAsync(prefetch)).StatusCode);
        }
        using var scanner = app.NewBrowser();
        for (var i = 0; i < 3; i++) Assert.Equal(HttpStatusCode.OK, (await scanner.GetAsync(link)).StatusCode);
        Assert.Equal(0, await app.CountAsync($"people where email = '{email}'"));
        await browser.GetAsync(link);
        Assert.True(await browser.IsInAsync());
    }

    [Fact]
    public async Task In_another_browser_the_link_asks_for_the_password_that_was_chosen()
    {
        using var laptop = app.NewBrowser();
        using var phone = app.NewBrowser();
        var email = NewEmail();
        await laptop.RegisterAsync(email);
        var link = await app.LinkInMailAsync(email);
        var wrong = await phone.SubmitAsync(link, new() { ["Password"] = "not the one I chose" });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, wrong.StatusCode);
        Assert.False(await phone.IsInAsync());
        await phone.SubmitAsync(link, new() { ["Password"] = Password });
        Assert.True(await phone.IsInAsync());
        Assert.False(await laptop.IsInAsync());
    }

    // Seen to fail when the link completed the registration in any browser.
    [Fact]
    public async Task A_stranger_who_registered_my_address_gains_nothing_when_I_open_the_link()
    {
        using var attacker = app.NewBrowser();
        using var victim = app.NewBrowser();
        var email = NewEmail("victim");
        const string attackers = "the attacker knows this one";
        await attacker.RegisterAsync(email, attackers, "Send money to evil.example");
        var link = await app.LinkInMailAsync(email);
        Assert.DoesNotContain("evil.example", await app.ScalarAsync<string>($"select body from mails where recipient = '{email}'"), StringComparison.Ordinal);
        Assert.Equal(1, await app.CountAsync($"registrations where email = '{email}' and token_hash = {AccountVerbs.HashInMail(link)}")); // whoever reads the table cannot open it

        var page = await victim.PageAsync(link);
        Assert.Equal("Finish your account", page.QuerySelector("h1")!.TextContent);
        Assert.DoesNotContain("evil.example", page.DocumentElement.OuterHtml, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await victim.SubmitAsync(link, new() { ["Name"] = "Victoria", ["New password"] = "password123" })).StatusCode); // the rules hold here, too
        Assert.False(await victim.IsInAsync());
        await victim.SubmitAsync(link, new() { ["Name"] = "Victoria", ["New password"] = "only I know this sentence" });
        Assert.True(await victim.IsInAsync());
        Assert.False(await attacker.IsInAsync());
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await attacker.LogInAsync(email, attackers)).StatusCode);
        Assert.Equal("Victoria", await app.ScalarAsync<string>($"select display_name from people where email = '{email}'"));
        Assert.Equal(0, await app.CountAsync($"registrations where email = '{email}'"));
    }

    [Fact]
    public async Task My_own_registration_wins_whichever_of_the_mails_I_open()
    {
        using var attacker = app.NewBrowser();
        using var victim = app.NewBrowser();
        var email = NewEmail("victim");
        await victim.RegisterAsync(email, "only I know this sentence", "Victoria");
        await attacker.RegisterAsync(email, "the attacker knows this one", "Mallory");
        await victim.GetAsync(await app.LinkInMailAsync(email)); // the newest: the attacker's
        Assert.True(await victim.IsInAsync());
        Assert.Equal("Victoria", await app.ScalarAsync<string>($"select display_name from people where email = '{email}'"));
        using var later = app.NewBrowser();
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await later.LogInAsync(email, "the attacker knows this one")).StatusCode);
        Assert.Equal(HttpStatusCode.SeeOther, (await later.LogInAsync(email, "only I know this sentence")).StatusCode);
    }

    // Seen to fail when a taken address was answered on the registration page.
    [Fact]
    public async Task New_waiting_and_taken_addresses_get_the_same_answer()
    {
        var taken = (await app.NewPersonAsync()).Email;
        var waiting = NewEmail("pending");
        using (var first = app.NewBrowser()) await first.RegisterAsync(waiting);
        var answers = new List<string>();
        foreach (var email in new[] { NewEmail("unknown"), waiting, taken, taken.ToUpperInvariant() })
        {
            using var browser = app.NewBrowser();
            var answer = await browser.RegisterAsync(email);
            var page = await browser.FollowAsync(answer);
            answers.Add($"{answer.StatusCode} {answer.Headers.Location} {string.Join(',', answer.Headers.Select(h => h.Key).Order(StringComparer.Ordinal))} {page.StatusCode} {await page.StableBodyAsync()}");
        }
        Assert.Single(answers.Distinct(StringComparer.Ordinal));
        Assert.StartsWith("You already have", await app.ScalarAsync<string>($"select subject from mails where recipient = '{taken}' order by id desc limit 1"), StringComparison.Ordinal);
        Assert.Equal("/login", await app.LinkInMailAsync(taken));
        // As many rows, and so as much time, as for a new address; nobody was sent the link of these.
        Assert.Equal(2, await app.CountAsync($"registrations where lower(email) = '{taken}'"));
    }

    [Fact]
    public async Task Two_who_open_links_of_one_address_at_once_make_one_person()
    {
        var email = NewEmail();
        var browsers = Enumerable.Range(0, 4).Select(_ => app.NewBrowser()).ToList();
        var links = new List<string>();
        foreach (var browser in browsers)
        {
            await browser.RegisterAsync(email);
            links.Add(await app.LinkInMailAsync(email));
        }
        var answers = await Task.WhenAll(browsers.Zip(links, (browser, link) => browser.GetAsync(link)));
        Assert.Single(answers, a => a.StatusCode is HttpStatusCode.SeeOther);
        Assert.All(answers, a => Assert.True(a.StatusCode is HttpStatusCode.SeeOther or HttpStatusCode.Gone, $"{a.StatusCode}"));
        Assert.Equal(1, await app.CountAsync($"people where email = '{email}'"));
        Assert.Equal(1, await app.CountAsync($"organizations where billing_email = '{email}'"));
        browsers.ForEach(b => b.Dispose());
    }

    [Theory]
    [InlineData("", "Enter a password.")]
    [InlineData("short one", "10 characters or more")]
    [InlineData("Password123", "lists that attackers try first")]
    [InlineData("QWERTYUIOP", "lists that attackers try first")]
    [InlineData("zzzzzzzzzzzzzz", "lists that attackers try first")]
    [InlineData(TwoHundredAndOne, "200 characters or fewer")]
    [InlineData("ada.lovelace", "your name or address")]
    [InlineData("ada-the-first", "your name or address")]
    public async Task A_weak_password_is_refused_at_its_field(string password, string sentence)
    {
        using var browser = app.NewBrowser();
        var refused = await browser.RegisterAsync("ada.the.first@example.com", password);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        var field = (await TestBrowser.ParseAsync(refused)).QuerySelector("input[type=password]")!;
        Assert.Equal("true", field.GetAttribute("aria-invalid"));
        Assert.Contains(sentence, field.Owner!.GetElementById(field.GetAttribute("aria-describedby")!)!.TextContent, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Ada", "maya@fernhill", "maya@fernhill.com")]
    [InlineData("Ada", "no address", "name@example.com")]
    [InlineData("Ada", "a@b.example\r\nBcc: all@example.com", "name@example.com")]
    [InlineData("Ada", "\"quoted\"@example.com", "name@example.com")]
    [InlineData("", "fine@example.com", "Enter your name.")]
    [InlineData("a\u0007b", "fine@example.com", "ordinary signs")]
    public async Task What_cannot_be_mailed_or_shown_is_refused_at_its_field(string name, string email, string sentence)
    {
        using var browser = app.NewBrowser();
        var refused = await browser.RegisterAsync(email, name: name);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        Assert.Contains(sentence, (await TestBrowser.ParseAsync(refused)).Body!.TextContent, StringComparison.Ordinal);
        Assert.Equal(0, await app.CountAsync($"registrations where email like 'fine%'"));
    }

    [Fact]
    public async Task A_name_stays_text_wherever_it_is_shown()
    {
        using var browser = app.NewBrowser();
        const string payload = "\"><script>alert(1)</script><img src=x onerror=alert(1)>";
        var email = NewEmail();
        await browser.RegisterAsync(email, name: payload);
        await browser.GetAsync(await app.LinkInMailAsync(email));
        foreach (var path in new[] { "/settings/profile", "/settings/security" })
        {
            var page = await browser.PageAsync(path);
            Assert.Empty(page.QuerySelectorAll("img[onerror]"));
            Assert.DoesNotContain(page.Scripts, s => s.TextContent.Contains("alert", StringComparison.Ordinal));
        }
        Assert.Equal(payload, (await browser.PageAsync("/settings/profile")).QuerySelector("input[autocomplete=name]")!.GetAttribute("value"));
    }

    [Fact]
    public async Task A_link_works_for_a_day()
    {
        await using var own = new TestApp(app.Servers);
        await own.InitializeAsync();
        using var browser = own.NewBrowser();
        var email = NewEmail();
        await browser.RegisterAsync(email);
        var link = await own.LinkInMailAsync(email);
        own.Clock.Advance(TimeSpan.FromHours(24) + TimeSpan.FromMinutes(1));
        Assert.Equal(HttpStatusCode.Gone, (await browser.GetAsync(link)).StatusCode);
        Assert.Equal(0, await own.CountAsync("people"));
    }

    [Theory]
    [InlineData("/verify-email")]
    [InlineData("/verify-email?token=")]
    [InlineData("/verify-email?token=%00%ff<script>")]
    [InlineData("/reset-password?token=abc")]
    public async Task A_made_up_link_says_that_it_does_not_work(string link)
    {
        using var browser = app.NewBrowser();
        var answer = await browser.GetAsync(link);
        Assert.Equal(HttpStatusCode.Gone, answer.StatusCode);
        Assert.Equal("This link no longer works", (await TestBrowser.ParseAsync(answer)).QuerySelector("h1")!.TextContent);
    }

    [Fact]
    public async Task Without_a_provider_in_the_configuration_there_is_neither_button_nor_address()
    {
        using var browser = app.NewBrowser();
        foreach (var path in new[] { "/login", "/register" }) Assert.DoesNotContain("Continue with", (await browser.PageAsync(path)).Body!.TextContent, StringComparison.Ordinal);
        foreach (var path in new[] { "/login/with/sso", "/signin-oidc/sso?code=a&state=b", "/login/problem?reason=expired&provider=sso" })
            Assert.Equal(HttpStatusCode.NotFound, (await browser.GetAsync(path)).StatusCode);
    }
}
