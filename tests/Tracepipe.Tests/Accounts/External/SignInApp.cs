using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Accounts.External;

/// <summary>
/// The product with a provider configured; its verbs are what people do to sign in with it. It logs everything that any library has to say, so that the
/// classes that share it (<see cref="SignInCollection"/>) look for what must not be said in all of it.
/// </summary>
public class SignInApp(TestServers servers) : TestApp(servers)
{
    public const string ClientId = "tracepipe";
    public const string ClientSecret = "a client's secret of forty characters ok";
    private static int people;

    public OpenIdProvider Provider { get; private set; } = null!;

    /// <summary>Uses another app's provider process, which then does not know this app's address: people can be sent there, not come back.</summary>
    public SignInApp? SharesProviderWith { get; init; }

    /// <summary>The provider's name in addresses.</summary>
    public virtual string Name => "sso";

    /// <summary>The provider's settings beside its authority and client.</summary>
    protected virtual Dictionary<string, string?> Settings => new(StringComparer.Ordinal) { ["Label"] = "Contoso", ["ApiAudience"] = OpenIdProvider.Api, ["TrustedAudiences"] = "trusted" };

    /// <summary>Further entries of the configuration, by name: to the product each is a provider of its own, in truth the same one, where their names are the client ids.</summary>
    protected virtual Dictionary<string, Dictionary<string, string?>> Others => [];

    public override async ValueTask InitializeAsync()
    {
        Provider = SharesProviderWith?.Provider ?? await OpenIdProvider.StartAsync();
        await base.InitializeAsync();
        if (SharesProviderWith is not null) return;
        await Provider.RegisterAsync(Client(ClientId, Name));
        foreach (var name in Others.Keys) await Provider.RegisterAsync(Client(name, name));
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (SharesProviderWith is null) await Provider.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>What the provider knows of this site.</summary>
    protected virtual Dictionary<string, object> Client(string id, string name) => new(StringComparer.Ordinal)
    {
        ["client_id"] = id,
        ["client_secret"] = ClientSecret,
        ["redirect_uris"] = new[] { new Uri(Address, "/signin-oidc/" + name).ToString() },
        ["post_logout_redirect_uris"] = new[] { new Uri(Address, "/login").ToString() },
    };

    protected override void Configure(WebApplicationBuilder builder)
    {
        var levels = builder.Configuration.GetSection("Logging:LogLevel").GetChildren().Select(c => new KeyValuePair<string, string?>(c.Path, "Debug")).ToList();
        builder.Configuration.AddInMemoryCollection(levels);
        var number = 0;
        foreach (var (id, settings) in Others.Select(o => (Id: o.Key, Settings: new Dictionary<string, string?>(o.Value, StringComparer.Ordinal) { ["Name"] = o.Key })).Prepend((Id: ClientId, Settings)))
        {
            var all = new Dictionary<string, string?>(StringComparer.Ordinal) { ["Authority"] = Provider.Issuer, ["ClientId"] = id, ["ClientSecret"] = ClientSecret };
            foreach (var (name, value) in settings) all[name] = value;
            builder.Configuration.AddInMemoryCollection(all.Select(s => new KeyValuePair<string, string?>($"Oidc:Providers:{number}:{s.Key}", s.Value)));
            number++;
        }
    }

    /// <summary>Somebody with an account at the provider and a checked address there.</summary>
    public async Task<(string Account, string Email)> NewcomerAsync(bool isVerified = true, string? email = null)
    {
        var account = $"account{Interlocked.Increment(ref people)}";
        email ??= $"{account}@contoso.example";
        await Provider.AddAsync(account, new { email, email_verified = isVerified, name = "Grace Hopper", oid = "oid-" + account, tid = EntraApp.TenantId });
        return (account, email);
    }

    /// <summary>From our address through the provider's pages; returns the address that the provider sends the browser back to.</summary>
    /// <param name="account">Who signs in there; null cancels.</param>
    public async Task<Uri> GoAsync(TestBrowser browser, string? account, string? from = null)
    {
        var at = new Uri(Address, from ?? "/login/with/" + Name);
        var response = await browser.GetAsync(at.ToString());
        for (var hops = 0; hops < 10; hops++)
        {
            if ((int)response.StatusCode is >= 300 and < 400)
            {
                at = new Uri(at, response.Headers.Location!);
                if (at.Authority == Address.Authority) return at;
                response = await browser.GetAsync(at.ToString());
                continue;
            }
            Assert.True(response.StatusCode is HttpStatusCode.OK, $"{at}: {(int)response.StatusCode} {Log.LastOrDefault(l => l.StartsWith("Error ", StringComparison.Ordinal))} {await response.Content.ReadAsStringAsync()}");
            Assert.StartsWith("/interaction/", at.AbsolutePath, StringComparison.Ordinal);
            response = await browser.Http.PostAsync(at, new FormUrlEncodedContent([new("account", account ?? ""), new("do", account is null ? "cancel" : "sign-in")]));
        }
        throw new InvalidOperationException("The provider leads in circles.");
    }

    /// <summary>Signs in with the provider and stands on the page that follows.</summary>
    public async Task<HttpResponseMessage> SignInAsync(TestBrowser browser, string? account, string? from = null) =>
        await browser.FollowAsync(await browser.GetAsync((await GoAsync(browser, account, from)).PathAndQuery));

    /// <summary>Links the provider to the account of the signed-in browser, proving it with the password.</summary>
    public async Task<HttpResponseMessage> LinkAsync(TestBrowser browser, string account, string password) =>
        await SignInAsync(browser, account, await BeginLinkAsync(browser, password));

    /// <summary>Proves the password on the link page; returns the address at which the page goes on.</summary>
    public async Task<string> BeginLinkAsync(TestBrowser browser, string password)
    {
        var proved = await browser.SubmitAsync($"/settings/security/link/{Name}", new() { ["Current password"] = password });
        Assert.Equal(HttpStatusCode.OK, proved.StatusCode);
        var refresh = Assert.Single(proved.Headers.GetValues("Refresh"));
        Assert.StartsWith("0;url=/login/with/", refresh, StringComparison.Ordinal);
        return refresh["0;url=".Length..];
    }

    /// <summary>The reason that the problem page was reached with.</summary>
    public static string ReasonOf(HttpResponseMessage response)
    {
        var address = response.RequestMessage!.RequestUri!;
        Assert.Equal("/login/problem", address.AbsolutePath);
        return System.Web.HttpUtility.ParseQueryString(address.Query)["reason"]!;
    }

    /// <summary>The line that says why a sign-in failed, found by the reference that its page shows.</summary>
    public string WhyOf(HttpResponseMessage response)
    {
        var reference = System.Web.HttpUtility.ParseQueryString(response.RequestMessage!.RequestUri!.Query)["reference"]!;
        return Assert.Single(Log, l => l.Contains(" failed: ", StringComparison.Ordinal) && l.Contains(reference, StringComparison.Ordinal));
    }

    public Task<long> OutcomesAsync(string outcome) => this.CountAsync($"external_sign_ins where outcome = '{outcome}'");
}

/// <summary>One app and one provider process for all classes that leave both as they found them.</summary>
[CollectionDefinition(nameof(SignInCollection))]
public sealed class SignInCollection : ICollectionFixture<SignInApp>;

/// <summary>The same with the preset of Entra External ID: claims in the id_token, persons named by <c>oid</c>, one directory.</summary>
public class EntraApp(TestServers servers) : SignInApp(servers)
{
    public const string TenantId = "6f1e3c52-0b57-4a4c-9d5e-2f8f2f1c7a10";

    public override string Name => "microsoft";

    protected override Dictionary<string, string?> Settings => new(StringComparer.Ordinal) { ["Preset"] = "EntraExternalId", ["TenantId"] = TenantId, ["Issuer"] = Provider.Issuer, ["ApiAudience"] = ClientId };

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await Provider.PutClaimsIntoIdTokenAsync(into: true);
    }
}
