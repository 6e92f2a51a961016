using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Accounts.LogIn;
using Tracepipe.Storefront.Accounts.Passwords;
using Tracepipe.Tests.App;
using Xunit;
using static Tracepipe.Tests.Accounts.AccountVerbs;

namespace Tracepipe.Tests.Accounts;

/// <summary>Catches: log-in that tells who has an account, that can be guessed at without end, that keeps an owner out, or that leads away.</summary>
public sealed class LogInTests(ProxiedApp app) : IClassFixture<ProxiedApp>
{
    [Fact]
    public async Task The_right_password_opens_the_page_that_was_asked_for()
    {
        var person = await app.NewPersonAsync();
        using var browser = app.NewBrowser();
        var asked = await browser.GetAsync("/settings/profile");
        Assert.Equal("/login?returnUrl=%2Fsettings%2Fprofile", asked.Headers.Location!.OriginalString);
        var inside = await browser.LogInAsync(person.Email.ToUpperInvariant(), person.Password, "?returnUrl=%2Fsettings%2Fprofile");
        Assert.Equal(HttpStatusCode.SeeOther, inside.StatusCode);
        Assert.Equal("/settings/profile", inside.Headers.Location!.OriginalString);
        Assert.True(await browser.IsInAsync());
        Assert.Equal("/dashboard", (await browser.GetAsync("/login")).Headers.Location!.OriginalString);
    }

    [Theory]
    [InlineData("//evil.example")]
    [InlineData("/\\evil.example")]
    [InlineData("\\\\evil.example")]
    [InlineData("https://evil.example")]
    [InlineData("https:evil.example")]
    [InlineData("/\t/evil.example")]
    [InlineData("/%09/evil.example")]
    [InlineData("/%5Cevil.example")]
    [InlineData("/%2Fevil.example")]
    [InlineData("~//evil.example")]
    [InlineData("javascript:alert(1)")]
    [InlineData("evil.example")]
    [InlineData("")]
    public async Task A_return_address_that_leads_away_is_refused(string address)
    {
        using var browser = app.NewBrowser();
        var query = "?returnUrl=" + Uri.EscapeDataString(address);
        foreach (var page in new[] { "/login", "/register" })
            Assert.Equal(HttpStatusCode.BadRequest, (await browser.GetAsync(page + query)).StatusCode);
        var posted = await browser.Http.PostAsync("/login" + query, new FormUrlEncodedContent([]));
        Assert.Equal(HttpStatusCode.BadRequest, posted.StatusCode);
    }

    [Fact]
    public async Task A_pending_registration_does_not_log_in()
    {
        using var browser = app.NewBrowser();
        var email = NewEmail();
        await browser.RegisterAsync(email);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await browser.LogInAsync(email, Password)).StatusCode);
        Assert.False(await browser.IsInAsync());
    }

    // Seen to fail when tries were counted by network only.
    [Fact]
    public async Task A_thousand_guesses_a_minute_from_many_addresses_examine_at_most_twenty_and_the_owner_gets_in()
    {
        var person = await app.NewPersonAsync();
        var examined = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, 50), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (n, _) =>
        {
            using var browser = app.NewBrowserAt($"203.0.{n}.7");
            var page = await browser.GetAsync("/login");
            var document = await TestBrowser.ParseAsync(page);
            for (var i = 0; i < 20; i++)
            {
                var answer = await browser.SubmitAsync(document, page.RequestMessage!.RequestUri!, new() { ["Email"] = person.Email, ["Password"] = $"guess number {n} {i}" }, null);
                if (answer.StatusCode is HttpStatusCode.UnprocessableEntity) Interlocked.Increment(ref examined);
                else Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
            }
            app.Still.Advance(TimeSpan.FromSeconds(1.2)); // 50 × 1.2 s: the minute
        });
        Assert.InRange(examined, 5, 20);

        // His own browser, known from before, although signed out.
        await person.Browser.LogOutAsync();
        Assert.Equal(HttpStatusCode.SeeOther, (await person.Browser.LogInAsync(person.Email, person.Password)).StatusCode);
    }

    [Fact]
    public async Task The_wait_doubles_says_how_long_and_is_never_for_ever()
    {
        var person = await app.NewPersonAsync();
        using var stranger = app.NewBrowserAt("192.0.2.77");
        for (var i = 0; i < 6; i++) Assert.Equal(HttpStatusCode.UnprocessableEntity, (await stranger.LogInAsync(person.Email, $"wrong password {i}")).StatusCode);
        var waits = new List<int>();
        for (var i = 0; i < 9; i++)
        {
            var early = await stranger.LogInAsync(person.Email, person.Password); // the right one too: not examined
            Assert.Equal(HttpStatusCode.TooManyRequests, early.StatusCode);
            var seconds = (int)early.Headers.RetryAfter!.Delta!.Value.TotalSeconds;
            Assert.Contains(seconds == 1 ? "Try again in 1 second." : $"Try again in {seconds} seconds.", await early.BodyAsync(), StringComparison.Ordinal);
            waits.Add(seconds);
            app.Still.Advance(TimeSpan.FromSeconds(seconds));
            Assert.Equal(HttpStatusCode.UnprocessableEntity, (await stranger.LogInAsync(person.Email, "wrong again and again")).StatusCode);
        }
        Assert.Equal([1, 2, 4, 8, 16, 32], waits.Take(6));
        Assert.All(waits.Skip(6), w => Assert.Equal(60, w));
        app.Still.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(HttpStatusCode.SeeOther, (await stranger.LogInAsync(person.Email, person.Password)).StatusCode);
    }

    [Fact]
    public async Task Unknown_addresses_wait_like_known_ones()
    {
        using var stranger = app.NewBrowserAt("192.0.2.78");
        for (var i = 0; i < 6; i++) Assert.Equal(HttpStatusCode.UnprocessableEntity, (await stranger.LogInAsync("nobody@example.com", $"wrong password {i}")).StatusCode);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await stranger.LogInAsync("Nobody@Example.com", "wrong password 7")).StatusCode);
    }

    // Seen to fail when a device was known to everybody.
    [Fact]
    public async Task A_browser_known_to_one_person_is_a_strangers_to_another()
    {
        var (stranger, victim) = (await app.NewPersonAsync(), await app.NewPersonAsync());
        await stranger.Browser.LogOutAsync();
        for (var i = 0; i < 6; i++) Assert.Equal(HttpStatusCode.UnprocessableEntity, (await stranger.Browser.LogInAsync(victim.Email, $"wrong password {i}")).StatusCode);
        using var elsewhere = app.NewBrowserAt("192.0.2.79");
        Assert.Equal(HttpStatusCode.TooManyRequests, (await elsewhere.LogInAsync(victim.Email, "wrong password 7")).StatusCode); // all of them counted against the account
    }

    // Seen to fail when a network could ask for mails without end.
    [Fact]
    public async Task A_network_that_asks_for_many_mails_waits()
    {
        var delays = app.Services.GetRequiredService<Delays>();
        var asked = 0;
        while (await delays.TakeMailAsync("192.0.2.80", CancellationToken.None) is null) Assert.True(++asked < 200, "It is never refused.");
        Assert.InRange(asked, 100, 110);
        using var browser = app.NewBrowserAt("192.0.2.80");
        foreach (var answer in new[] { await browser.SubmitAsync("/forgot-password", new() { ["Email"] = NewEmail() }), await browser.RegisterAsync(NewEmail()) })
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
            Assert.NotNull(answer.Headers.RetryAfter);
        }
    }

    // Seen to fail when what a clock that was ahead had written was believed: nobody of that network got in for a week.
    [Fact]
    public async Task When_the_clock_is_set_back_nobody_waits_longer_than_his_delay()
    {
        var delays = app.Services.GetRequiredService<Delays>();
        var (account, network, right) = (delays.Account(NewEmail()), delays.Network("192.0.2.81"), delays.Network("192.0.2.82"));
        app.Still.Advance(TimeSpan.FromDays(7));
        await delays.TakeAsync([right], CancellationToken.None);
        app.Still.Advance(TimeSpan.FromHours(1));
        await delays.GiveBackAsync(right, returned: right, CancellationToken.None);
        var wait = 0;
        while (wait < 4) // the fourth try too many waits for the third one's 4 s
        {
            wait = await delays.TakeAsync([account, network], CancellationToken.None) ?? 0;
            if (wait is > 0 and < 4) app.Still.Advance(TimeSpan.FromSeconds(wait));
        }
        app.Still.Advance(TimeSpan.FromDays(-8));
        Assert.Null(await delays.TakeAsync([right], CancellationToken.None));
        Assert.Equal(4, await delays.TakeAsync([account, network], CancellationToken.None));
        app.Still.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(1, await delays.TakeAsync([account, network], CancellationToken.None));
        Assert.Null(await delays.TakeAsync([delays.Account(NewEmail()), network], CancellationToken.None));
        app.Still.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(await delays.TakeAsync([account, network], CancellationToken.None));
    }

    // Seen to fail when the forwarded address was believed from anywhere.
    [Fact]
    public async Task One_network_that_tries_many_accounts_waits_and_cannot_lie_about_its_address()
    {
        await using var open = new TestApp(app.Servers);
        await open.InitializeAsync();
        var examined = 0;
        for (var n = 0; n < 100; n++)
        {
            using var browser = open.NewBrowser();
            browser.Http.DefaultRequestHeaders.Add("X-Forwarded-For", $"198.18.0.{n}");
            var answer = await browser.LogInAsync($"account{n}@example.com", "summer in the city");
            if (answer.StatusCode is HttpStatusCode.UnprocessableEntity) examined++;
            else Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
            if (examined < n) break;
        }
        Assert.InRange(examined, 30, 40);
        Assert.Equal(0, await open.CountAsync("signed_in_devices where address like '198.18.%'"));
    }

    [Fact]
    public async Task An_address_gets_only_so_many_mails_and_the_page_does_not_say_so()
    {
        var email = NewEmail();
        for (var i = 0; i < 8; i++)
        {
            using var browser = app.NewBrowser();
            Assert.Equal(HttpStatusCode.SeeOther, (await browser.RegisterAsync(email)).StatusCode);
        }
        Assert.Equal(6, await app.CountAsync($"mails where recipient = '{email}'"));
    }

    [Fact]
    public void The_list_of_common_passwords_is_long_and_fits_our_rule()
    {
        Assert.True(PasswordRules.CommonCount >= 3_000);
        Assert.True(PasswordRules.IsCommon("1234567890") && PasswordRules.IsCommon("PassWord123") && PasswordRules.IsCommon("iloveyou12"));
        Assert.False(PasswordRules.IsCommon(Password));
    }
}

/// <summary>Behind a proxy that is known: this machine. Visitors can then come from any address. Its clock stands still until it is moved.</summary>
public class ProxiedApp(TestServers servers) : TestApp(servers)
{
    public StillClock Still { get; } = new();

    protected override void Configure(WebApplicationBuilder builder)
    {
        builder.Configuration.AddInMemoryCollection([new("Proxies:Known", "127.0.0.1, 10.0.0.0/8")]);
        builder.Services.AddSingleton<TimeProvider>(Still);
    }

    public TestBrowser NewBrowserAt(string address)
    {
        var browser = NewBrowser();
        browser.Http.DefaultRequestHeaders.Add("X-Forwarded-For", address);
        return browser;
    }
}

/// <summary>A clock for delays of seconds: how long the test itself takes does not count.</summary>
public sealed class StillClock : TimeProvider
{
    private long now = System.GetUtcNow().Ticks;

    public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref now), TimeSpan.Zero);

    public void Advance(TimeSpan by) => Interlocked.Add(ref now, by.Ticks);
}
