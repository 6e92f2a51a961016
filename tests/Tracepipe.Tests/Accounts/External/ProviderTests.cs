using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Tracepipe.Storefront.Accounts.External;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Xunit;
using static Tracepipe.Tests.Accounts.External.SignInApp;

namespace Tracepipe.Tests.Accounts.External;

/// <summary>Catches: a preset that trusts another directory, a configuration that fails in the third hour instead of at the start, a private key that does not prove us.</summary>
public sealed class ProviderTests(TestServers servers, EntraApp entra) : IClassFixture<EntraApp>
{
    [Fact]
    public async Task With_the_preset_of_Entra_a_person_is_the_oid_and_has_to_be_of_the_directory()
    {
        using var browser = entra.NewBrowser();
        var (account, _) = await entra.NewcomerAsync();
        await entra.SignInAsync(browser, account);
        Assert.True(await browser.IsInAsync());
        Assert.Equal("oid-" + account, await entra.ScalarAsync<string>($"select subject from external_identities where email = '{account}@contoso.example'"));
        Assert.Equal(0, await entra.Provider.RequestsAsync("/me")); // the token says the address

        foreach (var fault in new object[] { new { set = new { tid = Guid.CreateVersion7() } }, new { remove = new[] { "tid" } }, new { remove = new[] { "oid" } } })
        {
            using var other = entra.NewBrowser();
            var (stranger, _) = await entra.NewcomerAsync();
            await entra.Provider.SpoilNextAsync(fault);
            Assert.Equal("untrusted", ReasonOf(await entra.SignInAsync(other, stranger)));
            Assert.False(await other.IsInAsync());
        }
    }

    [Theory]
    [InlineData("true")]
    [InlineData("1")]
    [InlineData("\"1\"")]
    [InlineData("\"true\"")]
    public async Task Entra_vouches_for_an_address_with_xms_edov(string value)
    {
        using var browser = entra.NewBrowser();
        var (account, email) = await EdovAsync(value);
        await entra.SignInAsync(browser, account);
        Assert.Equal(1, await entra.CountAsync($"people where email = '{email}'"));
    }

    [Theory]
    [InlineData("false")]
    [InlineData("0")]
    [InlineData("\"yes\"")]
    [InlineData("null")]
    [InlineData("[true]")]
    public async Task Anything_else_is_no_word_for_it(string value)
    {
        using var browser = entra.NewBrowser();
        var (account, email) = await EdovAsync(value);
        Assert.Equal("/check-your-mail", (await entra.SignInAsync(browser, account)).RequestMessage!.RequestUri!.AbsolutePath);
        Assert.Equal(0, await entra.CountAsync($"people where email = '{email}'"));
    }

    [Fact]
    public void The_preset_knows_where_an_external_tenant_is_and_how_it_calls_itself()
    {
        var provider = Assert.Single(Read(new() { ["Preset"] = "EntraExternalId", ["Tenant"] = "contoso", ["TenantId"] = EntraApp.TenantId, ["ClientId"] = "c" }).All);
        Assert.Equal($"https://contoso.ciamlogin.com/{EntraApp.TenantId}/v2.0", provider.Authority);
        Assert.Contains($"https://{EntraApp.TenantId}.ciamlogin.com/{EntraApp.TenantId}/v2.0", provider.Issuers);
        Assert.Equal(("microsoft", "Continue with Microsoft", "oid", "/signin-oidc/microsoft"), (provider.Name, provider.ButtonText, provider.SubjectClaim, provider.CallbackPath));
        Assert.Null(provider.ApiAudience);
        Assert.DoesNotContain("://common", string.Join(' ', provider.Issuers), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Preset", "Entra", "Preset")]
    [InlineData("Authority", "http://login.example.com", "Authority")]
    [InlineData("Authority", "login.example.com", "Authority")]
    [InlineData("Authority", "https://user:pass@login.example.com", "Authority")]
    [InlineData("ClientId", "", "ClientId")]
    [InlineData("Name", "My Provider", "Name")]
    [InlineData("Scopes", "email profile", "Scopes")]
    [InlineData("Icon", "https://evil.example/x.svg", "Icon")]
    [InlineData("PrivateKeyFile", "/nowhere/key.pem", "PrivateKeyFile")]
    public void A_wrong_setting_stops_the_start_with_its_name(string key, string value, string named)
    {
        var settings = new Dictionary<string, string?>(StringComparer.Ordinal) { ["Authority"] = "https://login.example.com", ["ClientId"] = "c", [key] = value };
        Assert.Contains($"Oidc__Providers__0__{named}", Assert.Throws<StartupException>(() => Read(settings)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "contoso")]
    [InlineData("contoso.onmicrosoft.com", "contoso")]
    [InlineData(EntraApp.TenantId, null)]
    public void An_Entra_provider_without_its_directory_stops_the_start(string? tenantId, string? tenant) =>
        Assert.Throws<StartupException>(() => Read(new() { ["Preset"] = "EntraExternalId", ["Tenant"] = tenant, ["TenantId"] = tenantId, ["ClientId"] = "c" }));

    [Fact]
    public void Two_providers_of_one_name_stop_the_start()
    {
        var values = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var number in new[] { 0, 1 }) (values[$"Oidc:Providers:{number}:Authority"], values[$"Oidc:Providers:{number}:ClientId"]) = ("https://login.example.com", "c");
        Assert.Throws<StartupException>(() => OidcProviders.Read(new ConfigurationBuilder().AddInMemoryCollection(values).Build()));
    }

    [Theory]
    [InlineData("RS256")]
    [InlineData("ES256")]
    public async Task A_private_key_proves_us_in_place_of_a_secret(string algorithm)
    {
        await using var app = new KeyedApp(servers, algorithm);
        await app.InitializeAsync();
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        await app.SignInAsync(browser, account);
        Assert.True(await browser.IsInAsync());
    }

    [Fact]
    public async Task A_wrong_secret_is_refused_by_the_provider_and_told_as_such()
    {
        await using var app = new MisconfiguredApp(servers);
        await app.InitializeAsync();
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        Assert.Equal("refused", ReasonOf(await app.SignInAsync(browser, account)));
        Assert.Contains(app.Log, l => l.Contains("the token endpoint answered invalid_client", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_provider_that_takes_the_secret_in_the_form_gets_it_there()
    {
        await using var app = new SignInApp(servers);
        await app.InitializeAsync();
        await app.Provider.RegisterAsync(new { client_id = ClientId, client_secret = ClientSecret, redirect_uris = new[] { new Uri(app.Address, "/signin-oidc/sso").ToString() }, token_endpoint_auth_method = "client_secret_post" });
        await app.Provider.OfferOnlyAsync("client_secret_post");
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        await app.SignInAsync(browser, account);
        Assert.True(await browser.IsInAsync());
    }

    private async Task<(string Account, string Email)> EdovAsync(string value)
    {
        var (account, _) = await entra.NewcomerAsync();
        var email = $"{account}@edov.example";
        await entra.Provider.AddAsync(account, new { email, name = "Grace Hopper", oid = "oid-" + account, tid = EntraApp.TenantId, xms_edov = JsonElement.Parse(value) });
        return (account, email);
    }

    private static OidcProviders Read(Dictionary<string, string?> settings) =>
        OidcProviders.Read(new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => new KeyValuePair<string, string?>("Oidc:Providers:0:" + s.Key, s.Value))).Build());

    private sealed class MisconfiguredApp(TestServers servers) : SignInApp(servers)
    {
        protected override Dictionary<string, string?> Settings => new(base.Settings, StringComparer.Ordinal) { ["ClientSecret"] = "last year's secret" };
    }

    /// <summary>Has a key and a certificate in one file, and no secret.</summary>
    private sealed class KeyedApp : SignInApp
    {
        private readonly string file = Path.Combine(Path.GetTempPath(), Guid.CreateVersion7().ToString("N") + ".pem");
        private readonly object key;
        private readonly string algorithm;

        public KeyedApp(TestServers servers, string algorithm) : base(servers)
        {
            this.algorithm = algorithm;
            if (algorithm == "RS256")
            {
                using var rsa = RSA.Create(2048);
                using var certificate = new CertificateRequest("CN=tracepipe", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(Clock.GetUtcNow().AddDays(-1), Clock.GetUtcNow().AddDays(30));
                File.WriteAllText(file, certificate.ExportCertificatePem() + "\n" + rsa.ExportPkcs8PrivateKeyPem());
                var open = rsa.ExportParameters(false);
                key = new { kty = "RSA", n = Text(open.Modulus!), e = Text(open.Exponent!), kid = "ours", alg = algorithm, use = "sig" };
            }
            else
            {
                using var ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
                File.WriteAllText(file, ec.ExportPkcs8PrivateKeyPem());
                var open = ec.ExportParameters(false);
                key = new { kty = "EC", crv = "P-256", x = Text(open.Q.X!), y = Text(open.Q.Y!), kid = "ours", alg = algorithm, use = "sig" };
            }
        }

        protected override Dictionary<string, string?> Settings => new(base.Settings, StringComparer.Ordinal) { ["ClientSecret"] = null, ["PrivateKeyFile"] = file, ["PrivateKeyId"] = "ours" };

        protected override object Client(string address) => new
        {
            client_id = ClientId,
            redirect_uris = new[] { $"{address}/signin-oidc/{Name}" },
            token_endpoint_auth_method = "private_key_jwt",
            token_endpoint_auth_signing_alg = algorithm,
            jwks = new { keys = new[] { key } },
        };

        public override async ValueTask DisposeAsync()
        {
            await base.DisposeAsync();
            File.Delete(file);
            GC.SuppressFinalize(this);
        }

        private static string Text(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);
    }
}
