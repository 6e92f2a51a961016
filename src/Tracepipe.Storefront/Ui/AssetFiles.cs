using System.Collections.Frozen;
using System.Text.Json;
using Microsoft.AspNetCore.StaticFiles;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Tracepipe.Storefront.Ui;

/// <summary>
/// The built styles, scripts, fonts and pictures. A page asks by plain name (<c>app.css</c>) and gets an address that carries the content's hash, so that
/// browsers may keep it for ever.
/// </summary>
internal sealed class AssetFiles
{
    private readonly FrozenDictionary<string, string> addresses;
    private readonly FrozenDictionary<string, Asset> files;

    public AssetFiles() : this(Path.Combine(AppContext.BaseDirectory, "wwwroot"))
    {
    }

    /// <param name="folder">What the asset build has written: files and <c>manifest.json</c>.</param>
    /// <exception cref="InvalidOperationException">There is no manifest.</exception>
    public AssetFiles(string folder)
    {
        var manifest = Path.Combine(folder, "manifest.json");
        if (!File.Exists(manifest)) throw new InvalidOperationException($"The styles and scripts are missing, there is no {manifest}: run dotnet build.");
        var names = JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllBytes(manifest))!;
        addresses = names.ToFrozenDictionary(n => n.Key, n => "/assets/" + n.Value, StringComparer.Ordinal);
        var types = new FileExtensionContentTypeProvider();
        files = Directory.EnumerateFiles(folder)
            .Where(f => Path.GetExtension(f) is not (".br" or ".gz" or ".json"))
            .ToFrozenDictionary(f => Path.GetFileName(f), f => new Asset(f, types.TryGetContentType(f, out var type) ? type : "application/octet-stream", File.Exists(f + ".br"), File.Exists(f + ".gz")), StringComparer.Ordinal);
    }

    /// <summary>The address of a built file.</summary>
    /// <exception cref="KeyNotFoundException">The build made no such file.</exception>
    public string this[string name] => addresses.TryGetValue(name, out var address) ? address : throw new KeyNotFoundException($"The asset build made no “{name}”.");

    /// <summary>The file behind an address, and the encoding of the smallest form the caller takes.</summary>
    public (Asset Asset, string? Encoding)? Find(string file, StringValues acceptEncoding)
    {
        if (!files.TryGetValue(file, out var asset)) return null;
        if (!StringWithQualityHeaderValue.TryParseList(acceptEncoding, out var accepted)) return (asset, null);
        bool Takes(string encoding) => accepted.Any(a => a.Value.Equals(encoding, StringComparison.OrdinalIgnoreCase) && a.Quality is not 0);
        return (asset, asset.HasBrotli && Takes("br") ? "br" : asset.HasGzip && Takes("gzip") ? "gzip" : null);
    }

    internal sealed record Asset(string Path, string ContentType, bool HasBrotli, bool HasGzip)
    {
        public bool IsCompressible => HasBrotli || HasGzip;
    }
}

internal static class AssetRoutes
{
    public static void MapAssets(this IEndpointRouteBuilder routes)
    {
        routes.MapMethods("/assets/{file}", [HttpMethods.Get, HttpMethods.Head], Send).AllowAnonymous().ExcludeFromDescription();
        routes.MapMethods("/favicon.ico", [HttpMethods.Get, HttpMethods.Head], (HttpContext context, AssetFiles assets) => Send(assets["favicon.svg"][8..], context, assets)).AllowAnonymous().ExcludeFromDescription();
    }

    private static IResult Send(string file, HttpContext context, AssetFiles assets)
    {
        if (assets.Find(file, context.Request.Headers.AcceptEncoding) is not ({ } asset, var encoding)) return TypedResults.NotFound();
        var headers = context.Response.Headers;
        headers.CacheControl = "public, max-age=31536000, immutable";
        if (asset.IsCompressible) headers.Vary = HeaderNames.AcceptEncoding;
        if (encoding is not null) headers.ContentEncoding = encoding;
        var path = encoding switch { "br" => asset.Path + ".br", "gzip" => asset.Path + ".gz", _ => asset.Path };
        return TypedResults.PhysicalFile(path, asset.ContentType, entityTag: new EntityTagHeaderValue($"\"{file}{encoding}\""), enableRangeProcessing: encoding is null);
    }
}
