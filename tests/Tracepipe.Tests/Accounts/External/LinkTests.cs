using System.Net;
using Tracepipe.Tests.App;
using Xunit;
using static Tracepipe.Tests.Accounts.AccountVerbs;
using static Tracepipe.Tests.Accounts.External.SignInApp;

namespace Tracepipe.Tests.Accounts.External;

/// <summary>Catches: a way in added by somebody who only found an open browser, and a person who has locked himself out.</summary>
[Collection(nameof(SignInCollection))]
public sealed class LinkTests(SignInApp app)
{
    [Fact]
    public async Task A_person_links_a_provider_logs_in_with_it_and_unlinks_it()
    {
        var person = await app.NewPersonAsync();
        var (account, _) = await app.NewcomerAsync();
        var landed = await app.LinkAsync(person.Browser, account, person.Password);
        Assert.Equal("/settings/security", landed.RequestMessage!.RequestUri!.AbsolutePath);
        Assert.Equal(person.Id, await app.ScalarAsync<Guid>($"select person_id from external_identities where subject = '{account}'"));
        Assert.Contains($"{account}@contoso.example", await landed.BodyAsync(), StringComparison.Ordinal);
        await TestApp.EventuallyAsync(() => app.CountAsync($"mails where recipient = '{person.Email}' and subject = 'A new way to log in to Tracepipe'"), mails => mails == 1);
        Assert.Equal(1, await app.CountAsync($"audit_entries where actor_id = '{person.Id}' and action = 'sign_in.linked'"));

        using var elsewhere = app.NewBrowser();
        await app.SignInAsync(elsewhere, account);
        Assert.Equal(person.Id, await app.ScalarAsync<Guid>("select person_id from signed_in_devices order by id desc limit 1"));

        await person.Browser.SubmitAsync("/settings/security", button: "Unlink Contoso");
        Assert.Equal(0, await app.CountAsync($"external_identities where person_id = '{person.Id}'"));
        Assert.Equal(1, await app.CountAsync($"audit_entries where actor_id = '{person.Id}' and action = 'sign_in.unlinked'"));
        await TestApp.EventuallyAsync(() => app.CountAsync($"mails where recipient = '{person.Email}' and subject = 'A way to log in to Tracepipe was removed'"), mails => mails == 1);
        using var stranger = app.NewBrowser();
        await app.SignInAsync(stranger, account); // now it is nobody's: a person of its own
        Assert.NotEqual(person.Id, await app.ScalarAsync<Guid>($"select person_id from external_identities where subject = '{account}'"));
    }

    // Seen to fail when the provider was not asked to ask anew.
    [Fact]
    public async Task Linking_asks_for_the_password_first_and_has_the_provider_ask_anew()
    {
        var person = await app.NewPersonAsync();
        var wrong = await person.Browser.SubmitAsync("/settings/security/link/sso", new() { ["Current password"] = "not the password at all" });
        Assert.Contains("This is not your password.", WebUtility.HtmlDecode(await wrong.BodyAsync()), StringComparison.Ordinal);
        Assert.False(wrong.Headers.Contains("Refresh"));
        var sent = (await person.Browser.GetAsync(await app.BeginLinkAsync(person.Browser, person.Password))).Headers.Location!;
        Assert.Equal("login", System.Web.HttpUtility.ParseQueryString(sent.Query)["prompt"]);
        using var visitor = app.NewBrowser();
        Assert.StartsWith("/login", (await visitor.GetAsync("/settings/security/link/sso")).Headers.Location!.OriginalString, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await person.Browser.GetAsync("/settings/security/link/unknown")).StatusCode);
    }

    // Seen to fail when its age, and when its session, was not compared.
    [Fact]
    public async Task A_proof_is_good_for_its_own_session_and_a_minute()
    {
        var person = await app.NewPersonAsync();
        var proof = await app.BeginLinkAsync(person.Browser, person.Password);
        using var other = app.NewBrowser();
        await other.LogInAsync(person.Email, person.Password);
        using var visitor = app.NewBrowser();
        foreach (var browser in new[] { other, visitor })
            Assert.Equal("/settings/security/link/sso", (await browser.GetAsync(proof)).Headers.Location!.OriginalString);
        Assert.Equal("/settings/security/link/sso", (await person.Browser.GetAsync("/login/with/sso?proof=made-up")).Headers.Location!.OriginalString);
        Assert.StartsWith(app.Provider.Issuer, (await person.Browser.GetAsync(proof)).Headers.Location!.OriginalString, StringComparison.Ordinal);
        var late = await app.BeginLinkAsync(person.Browser, person.Password);
        app.Clock.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal("/settings/security/link/sso", (await person.Browser.GetAsync(late)).Headers.Location!.OriginalString);
        app.Clock.Advance(TimeSpan.FromSeconds(-61));
    }

    // Seen to fail when only somebody had to be logged in.
    [Fact]
    public async Task Linking_that_comes_back_to_another_session_links_nothing()
    {
        var person = await app.NewPersonAsync();
        var (account, _) = await app.NewcomerAsync();
        var back = await app.GoAsync(person.Browser, account, await app.BeginLinkAsync(person.Browser, person.Password));
        await person.Browser.LogOutAsync();
        await person.Browser.LogInAsync(person.Email, person.Password);
        Assert.Equal("other_session", ReasonOf(await person.Browser.FollowAsync(await person.Browser.GetAsync(back.PathAndQuery))));
        Assert.Equal(0, await app.CountAsync($"external_identities where subject = '{account}'"));
    }

    // Seen to fail when the owner of an identity was not compared.
    [Fact]
    public async Task An_identity_opens_one_account_only()
    {
        var first = await app.NewPersonAsync();
        var second = await app.NewPersonAsync();
        var (account, _) = await app.NewcomerAsync();
        await app.LinkAsync(first.Browser, account, first.Password);
        var page = await app.LinkAsync(second.Browser, account, second.Password);
        Assert.Equal("linked_elsewhere", ReasonOf(page));
        Assert.Equal(first.Id, await app.ScalarAsync<Guid>($"select person_id from external_identities where subject = '{account}'"));
        Assert.Equal(1, await app.CountAsync($"audit_entries where actor_id = '{second.Id}' and action = 'sign_in.linked_elsewhere'"));
    }

    // Seen to fail when the ways in were not counted.
    [Fact]
    public async Task The_last_way_in_is_never_taken_away()
    {
        using var browser = app.NewBrowser();
        var (account, email) = await app.NewcomerAsync();
        await app.SignInAsync(browser, account);
        var page = await browser.PageAsync("/settings/security");
        Assert.Contains("Your only way in", page.Body!.TextContent, StringComparison.Ordinal);
        Assert.Contains("Choose a password", page.Body.TextContent, StringComparison.Ordinal);
        var id = await app.ScalarAsync<Guid>($"select id from external_identities where subject = '{account}'");
        await UnlinkAsync(browser, id);
        Assert.Equal(1, await app.CountAsync($"external_identities where id = '{id}'"));

        // A first password keeps what is linked, and then either may go.
        await browser.SubmitAsync("/forgot-password", new() { ["Email"] = email });
        await browser.SubmitAsync(await app.LinkInMailAsync(email), new() { ["New password"] = Password });
        Assert.Equal(1, await app.CountAsync($"external_identities where id = '{id}'"));
        using var again = app.NewBrowser();
        await again.LogInAsync(email, Password);
        await UnlinkAsync(again, id);
        Assert.Equal(0, await app.CountAsync($"external_identities where id = '{id}'"));
    }

    // Seen to fail when the person's row was not locked.
    [Fact]
    public async Task Two_requests_at_once_cannot_each_take_the_other_ones_last_way_in()
    {
        for (var round = 0; round < 5; round++)
        {
            using var browser = app.NewBrowser();
            var (account, _) = await app.NewcomerAsync();
            await app.SignInAsync(browser, account);
            var person = await app.ScalarAsync<Guid>($"select person_id from external_identities where subject = '{account}'");
            var first = await app.ScalarAsync<Guid>($"select id from external_identities where subject = '{account}'");
            var second = Guid.CreateVersion7();
            await app.ExecuteAsync($"insert into external_identities (issuer, subject, id, person_id, provider, linked_at) values ('https://other.example', '{account}', '{second}', '{person}', 'other', now())");
            var token = await browser.TokenAsync();
            await Task.WhenAll(UnlinkAsync(browser, first, token), UnlinkAsync(browser, second, token));
            Assert.Equal(1, await app.CountAsync($"external_identities where person_id = '{person}'"));
        }
    }

    [Fact]
    public async Task Somebody_elses_identity_cannot_be_unlinked()
    {
        var person = await app.NewPersonAsync();
        var (account, _) = await app.NewcomerAsync();
        await app.LinkAsync(person.Browser, account, person.Password);
        var id = await app.ScalarAsync<Guid>($"select id from external_identities where subject = '{account}'");
        var stranger = await app.NewPersonAsync();
        await UnlinkAsync(stranger.Browser, id);
        Assert.Equal(1, await app.CountAsync($"external_identities where id = '{id}'"));
        var forged = await person.Browser.Http.PostAsync($"/settings/security/identities/{id}/unlink", new FormUrlEncodedContent([]));
        Assert.Equal(HttpStatusCode.BadRequest, forged.StatusCode);
        Assert.Equal(1, await app.CountAsync($"external_identities where id = '{id}'"));
    }

    private static async Task UnlinkAsync(TestBrowser browser, Guid id, string? token = null) =>
        await browser.Http.PostAsync($"/settings/security/identities/{id}/unlink", new FormUrlEncodedContent([new("__RequestVerificationToken", token ?? await browser.TokenAsync())]));
}
