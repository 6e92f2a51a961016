using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Catalog;

/// <summary>A published version.</summary>
/// <param name="Number">Grows by one with each publication.</param>
internal sealed record CatalogVersion(int Number, PriceList Prices, DateTimeOffset PublishedAt);

/// <summary>
/// The published catalogues and the file that may become the next one. A database without any publishes the file at the first start; later changes of the
/// file count only once they are published (<c>tracepipe catalog apply</c>).
/// </summary>
internal sealed class Catalogs(Database database, IConfiguration configuration, TimeProvider clock)
{
    private readonly ConcurrentDictionary<int, CatalogVersion> versions = new();
    private volatile CatalogVersion? current;

    /// <summary>The version in force. Versions are loaded at the start, before a request is served.</summary>
    public CatalogVersion Current => current ?? throw new InvalidOperationException("The catalogue has not been loaded.");

    /// <summary>The document in the file, checked.</summary>
    /// <exception cref="StartupException">The file is missing or wrong; names the path of the wrong field.</exception>
    public (string Json, string Digest, PriceList Prices) File()
    {
        var path = configuration["Catalog:File"] is { Length: > 0 } typed ? Paths.Typed(typed) : Path.Combine(Paths.Project, "catalog.json");
        if (!System.IO.File.Exists(path)) throw new StartupException($"The catalogue {path} is not there: restore it or name another with Catalog__File.");
        try
        {
            var json = System.IO.File.ReadAllText(path);
            return (json, Digest(json), CatalogReader.Read(json));
        }
        catch (CatalogException wrong)
        {
            throw new StartupException($"{Path.GetFileName(path)}, {wrong.Message}", wrong);
        }
    }

    /// <summary>Loads all versions; publishes the file when there is none yet.</summary>
    public async Task LoadAsync(CancellationToken cancel)
    {
        _ = File(); // a malformed file stops the start even when a version is published
        await ReadAsync(cancel);
        if (current is null) await PublishAsync(cancel);
    }

    /// <summary>Makes the file the version in force. Publishing the document in force again changes nothing.</summary>
    /// <returns>The version, and whether it is new.</returns>
    public async Task<(CatalogVersion Version, bool IsNew)> PublishAsync(CancellationToken cancel)
    {
        await using var transaction = await database.BeginWorkAsync(cancel);
        var (number, isNew) = await PublishAsync(transaction, cancel);
        await transaction.CommitAsync(cancel);
        await ReadAsync(cancel);
        return (versions[number], isNew);
    }

    /// <summary>The same in a transaction of the caller, who reads the versions anew afterwards. One at a time may publish.</summary>
    public async Task<(int Number, bool IsNew)> PublishAsync(Transaction transaction, CancellationToken cancel)
    {
        var (json, digest, _) = File();
        await transaction.ExecuteAsync($"select pg_advisory_xact_lock({PublicationLock})", cancel);
        var last = await transaction.FirstAsync($"select version, digest from catalog_versions order by version desc limit 1", r => (Number: r.GetInt32(0), Digest: r.GetString(1)), cancel);
        if (string.Equals(last.Digest, digest, StringComparison.Ordinal)) return (last.Number, false);
        // A clock that went back must not make a version older than the one it follows.
        var number = await transaction.FirstAsync($"""
            insert into catalog_versions (digest, document, published_at)
            select {digest}, {json}, greatest({clock.GetUtcNow()}, (select max(published_at) from catalog_versions)) returning version
            """, r => r.GetInt32(0), cancel);
        return (number, true);
    }

    /// <summary>The version that was in force at a moment; before the first publication, the first.</summary>
    public CatalogVersion At(DateTimeOffset moment)
    {
        CatalogVersion? found = null, first = null;
        foreach (var version in versions.Values)
        {
            if (first is null || version.Number < first.Number) first = version;
            if (version.PublishedAt <= moment && (found is null || version.Number > found.Number)) found = version;
        }
        return found ?? first ?? Current;
    }

    private const long PublicationLock = 7236277113;

    /// <summary>Whether the file says something else than the version in force.</summary>
    public async Task<bool> IsFileNewAsync(CancellationToken cancel)
    {
        var digest = File().Digest;
        Answer<string?>? last = null;
        await database.WorkReadAsync(q => last = q.First($"select digest from catalog_versions order by version desc limit 1", r => r.GetString(0)), cancel);
        return !string.Equals(last!.Value, digest, StringComparison.Ordinal);
    }

    /// <summary>A version that somebody bought.</summary>
    public async ValueTask<CatalogVersion> GetAsync(int number, CancellationToken cancel)
    {
        if (versions.TryGetValue(number, out var version)) return version;
        await ReadAsync(cancel); // another node has published since
        return versions.TryGetValue(number, out version) ? version : throw new KeyNotFoundException($"Catalogue version {number} does not exist.");
    }

    /// <summary>Looks for versions that another node has published.</summary>
    public async Task ReadAsync(CancellationToken cancel)
    {
        Answer<IReadOnlyList<CatalogVersion>>? found = null;
        await database.WorkReadAsync(q => found = q.List($"select version, document, published_at from catalog_versions order by version",
            r => new CatalogVersion(r.GetInt32(0), CatalogReader.Read(r.GetString(1)), r.GetFieldValue<DateTimeOffset>(2))), cancel);
        foreach (var version in found!.Value) versions.TryAdd(version.Number, version);
        if (found.Value.Count > 0) current = versions[found.Value[^1].Number];
    }

    // Layout and comments of the file do not make another version.
    private static string Digest(string json)
    {
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(document.RootElement))));
    }
}
