using System.IO.Compression;
using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Ui;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Ui;

/// <summary>Catches: pages that point at files that are not there, files that browsers may not keep, and a compressed form that differs from the plain one.</summary>
public sealed class AssetTests(TestApp app) : IClassFixture<TestApp>
{
    [Fact]
    public async Task What_a_page_links_is_served_for_ever_with_its_type()
    {
        using var browser = app.NewBrowser();
        var page = await browser.PageAsync("/");
        var links = page.QuerySelectorAll("link[href^='/assets/']").Select(l => l.GetAttribute("href")!).Concat(page.QuerySelectorAll("script[src]").Select(s => s.GetAttribute("src")!)).ToList();
        Assert.True(links.Count >= 5);
        foreach (var link in links)
        {
            var answer = await browser.Http.GetAsync(link);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Equal("public, max-age=31536000, immutable", answer.Headers.NonValidated["Cache-Control"].ToString());
            Assert.Equal(Path.GetExtension(link) switch { ".css" => "text/css", ".js" => "text/javascript", ".svg" => "image/svg+xml", _ => "font/woff2" }, answer.Content.Headers.ContentType!.MediaType);
            Assert.True((await answer.Content.ReadAsByteArrayAsync()).Length > 0);
        }
    }

    [Fact]
    public async Task Every_compressed_form_is_the_same_file()
    {
        var address = app.Services.GetRequiredService<AssetFiles>()["app.css"];
        var plain = await GetAsync(address, null);
        Assert.Null(plain.Encoding);
        foreach (var (accept, encoding) in new[] { ("gzip, deflate, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip", "gzip"), ("identity", (string?)null) })
        {
            var form = await GetAsync(address, accept);
            Assert.Equal(encoding, form.Encoding);
            using var bytes = new MemoryStream(form.Body);
            await using Stream unpacked = encoding switch { "br" => new BrotliStream(bytes, CompressionMode.Decompress), "gzip" => new GZipStream(bytes, CompressionMode.Decompress), _ => bytes };
            using var whole = new MemoryStream();
            await unpacked.CopyToAsync(whole);
            Assert.Equal(plain.Body, whole.ToArray());
        }
    }

    [Fact]
    public async Task A_file_the_browser_has_is_not_sent_again()
    {
        var address = app.Services.GetRequiredService<AssetFiles>()["app.js"];
        var first = await TestApp.Http.GetAsync(new Uri(app.Address, address));
        using var again = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, address));
        again.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        Assert.Equal(HttpStatusCode.NotModified, (await TestApp.Http.SendAsync(again)).StatusCode);
    }

    [Theory]
    [InlineData("/assets/manifest.json")]
    [InlineData("/assets/..%2fmanifest.json")]
    [InlineData("/assets/%2e%2e%2ftracepipe.dll")]
    [InlineData("/assets/app.css")]
    public async Task Only_built_files_are_served(string path) => Assert.Equal(HttpStatusCode.NotFound, (await TestApp.Http.GetAsync(new Uri(app.Address, path))).StatusCode);

    [Fact]
    public void The_manifest_names_files_that_exist()
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "wwwroot");
        var names = JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(Path.Combine(folder, "manifest.json")))!;
        Assert.All(names.Values, file => Assert.True(File.Exists(Path.Combine(folder, file)), file));
        Assert.All(["app.css", "app.js", "favicon.svg"], name => Assert.Contains(name, names.Keys));
    }

    [Fact]
    public void A_missing_build_says_what_to_do()
    {
        var wrong = Assert.Throws<InvalidOperationException>(() => new AssetFiles(Path.Combine(Path.GetTempPath(), "no-assets-here")));
        Assert.Contains("run dotnet build", wrong.Message, StringComparison.Ordinal);
    }

    private async Task<(byte[] Body, string? Encoding)> GetAsync(string address, string? accept)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, address));
        if (accept is not null) request.Headers.TryAddWithoutValidation("Accept-Encoding", accept);
        var answer = await TestApp.Http.SendAsync(request);
        Assert.Equal("Accept-Encoding", answer.Headers.Vary.Single());
        return (await answer.Content.ReadAsByteArrayAsync(), answer.Content.Headers.ContentEncoding.SingleOrDefault());
    }
}
