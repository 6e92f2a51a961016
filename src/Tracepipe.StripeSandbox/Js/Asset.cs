using System.Security.Cryptography;
using System.Text;
using Microsoft.Net.Http.Headers;

namespace Tracepipe.StripeSandbox.Js;

/// <summary>A file that came with the program and never changes while it runs.</summary>
internal sealed class Asset(string contentType, string text)
{
    private readonly byte[] _content = Encoding.UTF8.GetBytes(text);
    private readonly EntityTagHeaderValue _tag = new($"\"{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16]}\"");

    public static Asset Embedded(string name) => new(Path.GetExtension(name) switch
    {
        ".css" => "text/css",
        ".svg" => "image/svg+xml",
        _ => "text/javascript",
    }, Text(name));

    /// <summary>The names below a folder, in ordinal order.</summary>
    public static IEnumerable<string> Names(string folder) =>
        typeof(Asset).Assembly.GetManifestResourceNames().Where(n => n.StartsWith(folder, StringComparison.Ordinal)).Order(StringComparer.Ordinal);

    public static string Text(string name)
    {
        using var stream = typeof(Asset).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"{name} is not embedded");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    public IResult Send(HttpContext http)
    {
        http.Response.Headers.CacheControl = "no-cache";
        http.Response.Headers[HeaderNames.XContentTypeOptions] = "nosniff";
        // Host pages may isolate themselves (COEP); what is served here is made for other origins.
        http.Response.Headers["Cross-Origin-Resource-Policy"] = "cross-origin";
        return Results.Bytes(_content, contentType + "; charset=utf-8", entityTag: _tag);
    }
}
