using System.Net;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Accounts;

/// <summary>Catches: a cookie that lives on after its session has ended, or that somebody else has planted.</summary>
public sealed class SessionTests(TestApp app) : IClassFixture<TestApp>
{
    // Seen to fail when logging out only deleted the cookie.
    [Fact]
    public async Task A_cookie_stolen_before_log_out_is_worth_nothing_after_it()
    {
        var person = await app.NewPersonAsync();
        var stolen = person.Browser.Stolen(app);
        Assert.True(await app.OpensAsync(stolen));
        var out_ = await person.Browser.LogOutAsync();
        Assert.Equal("/login", out_.Headers.Location!.OriginalString);
        Assert.False(await app.OpensAsync(stolen));
        Assert.False(await person.Browser.IsInAsync());
    }

    [Fact]
    public async Task Logging_in_again_gives_a_new_session_and_ends_the_old_one()
    {
        var person = await app.NewPersonAsync();
        var before = person.Browser.Stolen(app);
        var session = await app.ScalarAsync<Guid>($"select id from signed_in_devices where person_id = '{person.Id}' and revoked_at is null");
        await person.Browser.LogOutAsync();
        await person.Browser.LogInAsync(person.Email, person.Password);
        var after = person.Browser.Stolen(app);
        Assert.NotEqual(before, after);
        Assert.False(await app.OpensAsync(before));
        Assert.True(await app.OpensAsync(after));
        Assert.NotEqual(session, await app.ScalarAsync<Guid>($"select id from signed_in_devices where person_id = '{person.Id}' and revoked_at is null"));
    }

    // Seen to fail when the session that the browser had was left alone.
    [Fact]
    public async Task Logging_in_on_top_of_a_session_ends_that_session()
    {
        var person = await app.NewPersonAsync();
        var before = person.Browser.Stolen(app);
        using var signedOut = app.NewBrowser();
        var page = await TestBrowser.ParseAsync(await signedOut.GetAsync("/login"));
        var fields = page.Forms.Single(f => f.QuerySelector("input[type=password]") is not null).Elements.Where(e => e.GetAttribute("name") is not null).ToDictionary(e => e.GetAttribute("name")!,
            e => e.GetAttribute("type") switch { "email" => person.Email, "password" => person.Password, _ => e.GetAttribute("value") ?? "" });
        fields["__RequestVerificationToken"] = await person.Browser.TokenAsync();
        Assert.Equal(HttpStatusCode.SeeOther, (await person.Browser.Http.PostAsync("/login", new FormUrlEncodedContent(fields))).StatusCode);
        Assert.True(await person.Browser.IsInAsync());
        Assert.False(await app.OpensAsync(before));
    }

    // Seen to fail when neither the sessions' rows were ended nor the stamp compared; either alone is enough.
    [Fact]
    public async Task Changing_the_password_signs_every_other_browser_out_and_this_one_goes_on()
    {
        var person = await app.NewPersonAsync();
        using var other = app.NewBrowser();
        await other.LogInAsync(person.Email, person.Password);
        var stolen = person.Browser.Stolen(app);
        var changed = await person.Browser.SubmitAsync("/settings/security", new() { ["Current password"] = person.Password, ["New password"] = "another walk, another rain" });
        Assert.Equal(HttpStatusCode.SeeOther, changed.StatusCode);
        Assert.False(await other.IsInAsync());
        Assert.False(await app.OpensAsync(stolen));
        Assert.True(await person.Browser.IsInAsync());
        Assert.StartsWith("Your Tracepipe password was changed", await app.ScalarAsync<string>($"select subject from mails where recipient = '{person.Email}' order by id desc limit 1"), StringComparison.Ordinal);
        using var later = app.NewBrowser();
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await later.LogInAsync(person.Email, person.Password)).StatusCode);
        Assert.Equal(HttpStatusCode.SeeOther, (await later.LogInAsync(person.Email, "another walk, another rain")).StatusCode);
    }

    [Fact]
    public async Task A_new_security_stamp_ends_all_sessions_within_five_seconds()
    {
        var person = await app.NewPersonAsync();
        Assert.True(await person.Browser.IsInAsync());
        await app.ExecuteAsync($"update people set security_stamp = 'another' where id = '{person.Id}'");
        var changed = System.Diagnostics.Stopwatch.StartNew();
        await TestApp.EventuallyAsync(() => person.Browser.IsInAsync(), isIn => !isIn);
        Assert.True(changed.Elapsed < TimeSpan.FromSeconds(5), $"{changed.Elapsed}");
    }

    [Fact]
    public async Task The_present_password_is_needed_to_change_it()
    {
        var person = await app.NewPersonAsync();
        var refused = await person.Browser.SubmitAsync("/settings/security", new() { ["Current password"] = "somebody else's guess", ["New password"] = "another walk, another rain" });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        Assert.Contains("This is not your password.", await refused.BodyAsync(), StringComparison.Ordinal);
        var weak = await person.Browser.SubmitAsync("/settings/security", new() { ["Current password"] = person.Password, ["New password"] = "password123" });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, weak.StatusCode);
        Assert.Contains("lists that attackers try first", await weak.BodyAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_node_learns_of_the_end_within_five_seconds()
    {
        await using var node = new TestApp(app.Servers) { SharesWith = app };
        await node.InitializeAsync();
        var person = await app.NewPersonAsync();
        // Over plain http the cookie's name ends in the port of its node.
        var stolen = person.Browser.Stolen(app).Replace($"-{app.Address.Port}=", $"-{node.Address.Port}=", StringComparison.Ordinal);
        Assert.True(await node.OpensAsync(stolen));
        await person.Browser.LogOutAsync();
        var ended = System.Diagnostics.Stopwatch.StartNew();
        await TestApp.EventuallyAsync(() => node.OpensAsync(stolen), opens => !opens);
        Assert.True(ended.Elapsed < TimeSpan.FromSeconds(5), $"{ended.Elapsed}");
    }

    [Fact]
    public async Task A_device_is_signed_out_from_the_list_and_only_by_its_owner()
    {
        var person = await app.NewPersonAsync();
        using var phone = app.NewBrowser();
        phone.Http.DefaultRequestHeaders.UserAgent.ParseAdd("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1");
        await phone.LogInAsync(person.Email, person.Password);
        var session = await app.ScalarAsync<Guid>($"select id from signed_in_devices where person_id = '{person.Id}' and revoked_at is null order by id desc limit 1");

        var stranger = await app.NewPersonAsync();
        var token = await stranger.Browser.TokenAsync();
        await stranger.Browser.Http.PostAsync($"/settings/security/devices/{session}/end", new FormUrlEncodedContent([new("__RequestVerificationToken", token)]));
        Assert.True(await phone.IsInAsync());

        await person.Browser.SubmitAsync("/settings/security", button: "Sign out Safari on iPhone");
        Assert.False(await phone.IsInAsync());
        Assert.True(await person.Browser.IsInAsync());
    }

    [Fact]
    public async Task A_session_that_nobody_uses_for_two_weeks_is_over()
    {
        await using var own = new TestApp(app.Servers);
        await own.InitializeAsync();
        var person = await own.NewPersonAsync();
        for (var days = 10; days <= 20; days += 10)
        {
            own.Clock.Advance(TimeSpan.FromDays(10));
            var today = own.Clock.GetUtcNow().AddHours(-1).ToString("O");
            await TestApp.EventuallyAsync(async () => await person.Browser.IsInAsync() && await own.CountAsync($"signed_in_devices where last_seen_at > '{today}'") == 1, isSeen => isSeen);
        }
        own.Clock.Advance(TimeSpan.FromDays(15));
        await TestApp.EventuallyAsync(() => person.Browser.IsInAsync(), isIn => !isIn);
    }

    [Fact]
    public async Task API_addresses_never_redirect_to_the_log_in_page()
    {
        foreach (var path in new[] { "/api/billing/account/" + Guid.CreateVersion7(), "/v1/anything" })
        {
            using var browser = app.NewBrowser();
            var answer = await browser.GetAsync(path);
            Assert.True(answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.NotFound, $"{path}: {answer.StatusCode}");
        }
    }

    [Fact]
    public async Task The_session_cookie_cannot_be_read_by_scripts_and_names_its_port()
    {
        var person = await app.NewPersonAsync();
        await person.Browser.LogOutAsync();
        var answer = await person.Browser.LogInAsync(person.Email, person.Password);
        var cookie = answer.Headers.GetValues("Set-Cookie").Single(c => c.StartsWith($"tracepipe-{app.Address.Port}=", StringComparison.Ordinal));
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=lax", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("path=/", cookie, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_rename_shows_at_once()
    {
        var person = await app.NewPersonAsync();
        await person.Browser.SubmitAsync("/settings/profile", new() { ["Name"] = "Augusta King" });
        Assert.Equal("Augusta King", (await person.Browser.PageAsync("/settings/profile")).QuerySelector("input[autocomplete=name]")!.GetAttribute("value"));
    }
}
