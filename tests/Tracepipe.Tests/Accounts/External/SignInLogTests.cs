using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Accounts.External;

/// <summary>Catches: a client secret, a code, a token or a state in the log, at any level and from any library; a sign-in that nobody counted.</summary>
[Collection(nameof(SignInCollection))]
public sealed class SignInLogTests(SignInApp app)
{
    // Seen to fail when a refusal was logged with the address it came by.
    [Fact]
    public async Task The_log_at_Debug_holds_no_secret_of_any_sign_in()
    {
        var secrets = new List<string> { SignInApp.ClientSecret };
        void Note(Uri address)
        {
            var query = System.Web.HttpUtility.ParseQueryString(address.Query);
            foreach (var name in new[] { "code", "state", "nonce", "code_challenge", "proof", "id_token_hint" })
                if (query[name] is { } value) secrets.Add(value);
        }

        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        Note((await browser.GetAsync("/login/with/sso")).Headers.Location!);
        var back = await app.GoAsync(browser, account);
        Note(back);
        await browser.GetAsync(back.PathAndQuery);
        secrets.AddRange(browser.Cookies.GetCookies(app.Address).Select(c => c.Value));
        await browser.GetAsync(back.PathAndQuery);
        Note(new Uri(Assert.Single((await browser.LogOutAsync()).Headers.GetValues("Refresh"))["0;url=".Length..]));
        var person = await app.NewPersonAsync();
        var (linked, _) = await app.NewcomerAsync();
        var proof = await app.BeginLinkAsync(person.Browser, person.Password);
        Note(new Uri(app.Address, proof));
        await app.SignInAsync(person.Browser, linked, proof);
        var (unproved, email) = await app.NewcomerAsync(isVerified: false);
        using var third = app.NewBrowser();
        await app.SignInAsync(third, unproved);
        var mailed = await app.LinkInMailAsync(email);
        secrets.Add(mailed.Split("token=")[1]);
        await third.GetAsync(mailed);
        foreach (var fault in new object[] { new { sign = "none" }, new { set = new { nonce = "canary-of-a-nonce" } } })
        {
            using var refused = app.NewBrowser();
            await app.Provider.SpoilNextAsync(fault);
            await app.SignInAsync(refused, account);
        }
        await browser.GetAsync("/signin-oidc/sso?code=canary-of-a-code&state=canary-of-a-state");
        secrets.AddRange(["canary-of-a-nonce", "canary-of-a-code", "canary-of-a-state"]);
        secrets.AddRange(await app.Provider.IssuedAsync());
        var bearer = await app.Provider.AccessTokenAsync(account, SignInApp.ClientId);
        using (var request = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, "/v1/users/me")) { Headers = { { "Authorization", "Bearer " + bearer } } }) await TestApp.Http.SendAsync(request);
        secrets.Add(bearer);

        var lines = app.Log.ToList();
        Assert.True(lines.Count(l => l.StartsWith("Debug ", StringComparison.Ordinal)) > 100, "The log is not at Debug.");
        Assert.Contains(lines, l => l.Contains("Sign-in with sso: registered", StringComparison.Ordinal));
        Assert.True(secrets.Count > 25);
        var all = string.Join('\n', lines);
        foreach (var secret in secrets.Where(s => s.Length > 8).SelectMany(s => s.Split('.').Length == 3 ? [s, s.Split('.')[1]] : new[] { s }).SelectMany(s => new[] { s, Uri.EscapeDataString(s) }))
            Assert.False(all.Contains(secret, StringComparison.Ordinal), $"The log holds {secret}.");
    }

    // Seen to fail without the counter, and without the audit entry.
    [Fact]
    public async Task Every_outcome_is_counted_and_stands_in_the_table()
    {
        var counted = new ConcurrentDictionary<string, long>(StringComparer.Ordinal);
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) => { if (instrument.Name is "tracepipe.sign_ins") l.EnableMeasurementEvents(instrument); };
        listener.SetMeasurementEventCallback<long>((_, number, tags, _) =>
        {
            foreach (var tag in tags)
                if (tag.Key is "outcome") counted.AddOrUpdate((string)tag.Value!, number, (_, before) => before + number);
        });
        listener.Start();
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        await app.SignInAsync(browser, account);
        await app.SignInAsync(browser, account);
        using var other = app.NewBrowser();
        await app.SignInAsync(other, account: null);
        await app.Provider.SpoilNextAsync(new { sign = "none" });
        using var third = app.NewBrowser();
        await app.SignInAsync(third, account);
        foreach (var outcome in new[] { "registered", "signed_in", "canceled", "untrusted" })
        {
            Assert.True(counted.GetValueOrDefault(outcome) >= 1, outcome); // other tests of this run may count, too
            Assert.True(await app.OutcomesAsync(outcome) >= 1, outcome);
        }
        Assert.Equal(1, await app.CountAsync($"audit_entries a join external_identities i on i.person_id = a.actor_id where i.subject = '{account}' and a.action = 'sign_in.signed_in'"));
    }
}
