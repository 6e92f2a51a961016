using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Benchmarks;

/// <summary>The product on a free port with a data folder of its own, as it runs in production, request limits on but out of reach.</summary>
internal sealed class Product : IAsyncDisposable
{
    private readonly StorefrontApp app;
    private readonly string folder;

    private Product(StorefrontApp started, string data) => (app, folder) = (started, data);

    public string Address => app.Address;

    public IServiceProvider Services => app.Services;

    /// <param name="settings">What is configured otherwise.</param>
    public static async Task<Product> StartAsync(params (string Name, string Value)[] settings)
    {
        var folder = Directory.CreateTempSubdirectory("tracepipe-bench-").FullName;
        // Neither Development, which checks more, nor Production, which wants a payment provider.
        var command = CommandLine.Parse(["--urls", "http://127.0.0.1:0", "--sandbox-urls", "http://127.0.0.1:0", "--data", folder, "--environment", "Benchmarks",
            "--Keys:Limits:RequestsPerMinute=100000000", "--Keys:Limits:UploadsPerMinute=100000000", "--Keys:Limits:KeyChangesPerMinute=100000000", .. settings.Select(s => $"--{s.Name}={s.Value}")]);
        return new Product(await StorefrontApp.StartAsync(command, Storefront.Product.Modules, builder => builder.Logging.SetMinimumLevel(LogLevel.Warning), listen: true, CancellationToken.None), folder);
    }

    /// <summary>An organization with a key of the default permissions.</summary>
    public async Task<string> NewKeyAsync()
    {
        var (person, now) = (Guid.CreateVersion7(), TimeProvider.System.GetUtcNow());
        await using var transaction = await Services.GetRequiredService<Database>().BeginWorkAsync(CancellationToken.None);
        await transaction.ExecuteAsync($"""
            insert into people (id, display_name, email, normalized_email, email_confirmed, security_stamp, concurrency_stamp, two_factor_enabled, created_at)
            values ({person}, 'Bench', {$"{person}@example.com"}, {$"{person}@EXAMPLE.COM"}, true, 'x', 'x', false, {now})
            """, CancellationToken.None);
        var (id, slug) = await Services.GetRequiredService<Memberships>().MakePersonalAsync(person, "Bench", "bench@example.com", transaction, CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        var caller = new Caller();
        caller.Is(new Membership(id, slug, "Bench", IsPersonal: true, Role.Owner, person));
        var (made, refused) = await Services.GetRequiredService<KeyRing>().CreateAsync(new KeyWish(null, "Bench", null, null, null), caller, null, CancellationToken.None);
        return made?.Secret ?? throw new BenchmarkException($"No key: {refused!.Message}");
    }

    /// <summary>Registers a person as a visitor does, gives the organization five keys, and leaves the browser signed in.</summary>
    /// <returns>Where the organization's pages stand: <c>/o/SLUG</c>.</returns>
    public async Task<string> SignInAsync(OutsideBrowser browser)
    {
        const string email = "maya@example.com";
        await browser.SubmitAsync("/register", new Dictionary<string, string>(StringComparer.Ordinal) { ["Name"] = "Maya Okafor", ["Email"] = email, ["Password"] = "a long walk in the rain" }, CancellationToken.None);
        Answer<string?>? mail = null;
        for (var i = 0; i < 200 && mail?.Value is null; i++)
        {
            await Services.GetRequiredService<Database>().WorkReadAsync(q => mail = q.First($"select body from mails where recipient = {email}", r => (string?)r.GetString(0)), CancellationToken.None);
            if (mail!.Value is null) await Task.Delay(50);
        }
        var text = mail?.Value ?? throw new BenchmarkException("No mail came.");
        var page = await browser.OpenAsync(new Uri(text[text.IndexOf("http", StringComparison.Ordinal)..].Split('\n', ' ', '\r')[0]).PathAndQuery, CancellationToken.None);
        var home = page.At.AbsolutePath[..^"/dashboard".Length];
        for (var i = 1; i <= 5; i++) await browser.SubmitAsync(home + "/keys/new", new Dictionary<string, string>(StringComparer.Ordinal) { ["Name"] = $"Key {i}" }, CancellationToken.None);
        return home;
    }

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }
}
