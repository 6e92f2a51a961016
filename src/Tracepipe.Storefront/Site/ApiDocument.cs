using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Site;

/// <summary>The description of the API as it stands while this process runs: routes do not change, so it is made once, for the page and for programs.</summary>
internal sealed class ApiDocument(IServiceProvider services, PublicAddress site)
{
    private readonly Lock making = new();
    private Task<Made>? made;

    /// <summary>What a program gets.</summary>
    public static async Task<FileContentHttpResult> SendAsync(ApiDocument document)
    {
        var (_, json, tag) = await document.GetAsync();
        return TypedResults.Bytes(json, "application/json; charset=utf-8", entityTag: tag);
    }

    public Task<Made> GetAsync()
    {
        lock (making) return made is null or { IsFaulted: true } ? made = MakeAsync() : made;
    }

    private async Task<Made> MakeAsync()
    {
        var document = await services.GetRequiredKeyedService<IOpenApiDocumentProvider>(ApiDescription.Name).GetOpenApiDocumentAsync();
        document.Servers = [new OpenApiServer { Url = site.Base }];
        var json = Encoding.UTF8.GetBytes(await document.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1));
        return new Made(document, json, new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(json).AsSpan(0, 8))}\""));
    }

    internal sealed record Made(OpenApiDocument Document, byte[] Json, EntityTagHeaderValue Tag);
}
