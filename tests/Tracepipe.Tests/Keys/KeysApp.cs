using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;

namespace Tracepipe.Tests.Keys;

/// <summary>The product with organizations that are made directly, without registration, and with request limits out of the way unless a test wants them.</summary>
public class KeysApp(TestServers servers) : TestApp(servers)
{
    private int owners;

    /// <summary>Requests per minute; 0 leaves the product's defaults.</summary>
    protected virtual int Limit => 10_000_000;

    /// <summary>A connection string that goes another way to the same database.</summary>
    protected virtual string? Detour => null;

    protected override void Configure(WebApplicationBuilder builder)
    {
        var settings = new Dictionary<string, string?>(StringComparer.Ordinal);
        if (Limit > 0) foreach (var name in new[] { "RequestsPerMinute", "UploadsPerMinute", "KeyChangesPerMinute" }) settings[$"Keys:Limits:{name}"] = Limit.ToString();
        if (Detour is { } other) settings["ConnectionStrings:Tracepipe"] = other;
        builder.Configuration.AddInMemoryCollection(settings);
    }

    /// <summary>A person with an organization of his own.</summary>
    public async Task<Owner> NewOwnerAsync(string name = "Ada Byron")
    {
        var number = Interlocked.Increment(ref owners);
        var person = Guid.CreateVersion7();
        var email = $"owner{number}@example.com";
        var database = Services.GetRequiredService<Database>();
        await using var transaction = await database.BeginWorkAsync(CancellationToken.None);
        await transaction.ExecuteAsync($"""
            insert into people (id, display_name, email, normalized_email, email_confirmed, security_stamp, concurrency_stamp, two_factor_enabled, created_at)
            values ({person}, {name}, {email}, {email.ToUpperInvariant()}, true, 'x', 'x', false, {Clock.GetUtcNow()})
            """, CancellationToken.None);
        var (id, slug) = await Services.GetRequiredService<Memberships>().MakePersonalAsync(person, name, email, transaction, CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        return new Owner(person, name, id, slug);
    }

    /// <summary>Makes a key as the page does.</summary>
    /// <returns>The whole key.</returns>
    public async Task<(string Secret, Guid Id)> NewKeyAsync(Owner owner, params string[] permissions)
    {
        var caller = new Caller();
        caller.Is(new Membership(owner.OrganizationId, owner.Slug, owner.Name, IsPersonal: true, Role.Owner, owner.PersonId));
        var wish = new KeyWish(Id: null, "A key", ExpiresAt: null, permissions.Length == 0 ? null : permissions, Suites: null);
        var (made, refused) = await Services.GetRequiredService<KeyRing>().CreateAsync(wish, caller, address: null, CancellationToken.None);
        Assert.Null(refused);
        return (made!.Secret, made.Key.Id);
    }

    /// <summary>A key that may do everything keys can.</summary>
    public Task<(string Secret, Guid Id)> NewFullKeyAsync(Owner owner) => NewKeyAsync(owner, [.. Permissions.OfKeys]);

    public async Task<HttpStatusCode> StatusAsync(string key, string path = "/v1/users/me")
    {
        using var response = await CallAsync(key, path);
        return response.StatusCode;
    }

    /// <summary>Sends JSON text as it is, however wrong.</summary>
    public Task<HttpResponseMessage> PostAsync(string key, string path, string json) => CallAsync(key, path, HttpMethod.Post, new StringContent(json, Encoding.UTF8, "application/json"));

    /// <summary>Checks that the answer is the API's error of this status and code, and returns it.</summary>
    public static async Task<JsonElement> ErrorAsync(HttpResponseMessage response, int status, string code)
    {
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(status == (int)response.StatusCode, $"{status} expected: {(int)response.StatusCode} {body}");
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        var error = JsonElement.Parse(body).GetProperty("error");
        Assert.Equal(code, error.GetProperty("code").GetString());
        Assert.NotEmpty(error.GetProperty("message").GetString()!);
        return error;
    }

    public static async Task<JsonElement> JsonAsync(HttpResponseMessage response, int status = 200)
    {
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(status == (int)response.StatusCode, $"{status} expected: {(int)response.StatusCode} {body}");
        return JsonElement.Parse(body);
    }
}

/// <summary>A person and the organization he owns.</summary>
public sealed record Owner(Guid PersonId, string Name, Guid OrganizationId, string Slug);
