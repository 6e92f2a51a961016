using System.Text.Json.Serialization;
using Npgsql;

namespace Tracepipe.Storefront.Platform;

/// <summary>A part that must be up before this node takes traffic: a module registers one; null means well, a sentence says what is wrong.</summary>
internal sealed record ReadyCheck(string Part, Func<CancellationToken, Task<string?>> AskAsync);

internal sealed record Health(string Status, IReadOnlyDictionary<string, string> Parts);

internal static class HealthEndpoints
{
    public static void MapHealth(this WebApplication app)
    {
        app.MapGet("/health/live", () => TypedResults.Json(new Health("ok", new Dictionary<string, string>(StringComparer.Ordinal)), HealthJson.Default.Health))
            .AllowAnonymous().ExcludeFromDescription();
        app.MapGet("/health/ready", ReadyAsync).AllowAnonymous().ExcludeFromDescription();
    }

    /// <summary>For the status page: answers at all, and the database with it.</summary>
    public static StatusPart Api(Database database) => new("API", 0, async cancel => await AskAsync(database, cancel) is "ok"
        ? new StatusNow(IsWell: true, "Calls are answered.")
        : new StatusNow(IsWell: false, "The database does not answer: calls get a clear 503 until it does. What was acknowledged is kept."));

    private static async Task<IResult> ReadyAsync(Database database, IEnumerable<ReadyCheck> checks, CancellationToken cancel)
    {
        var parts = new Dictionary<string, string>(StringComparer.Ordinal) { ["database"] = await AskAsync(database, cancel) };
        foreach (var check in checks) parts[check.Part] = await check.AskAsync(cancel) ?? "ok";
        var isReady = parts.Values.All(v => string.Equals(v, "ok", StringComparison.Ordinal));
        return TypedResults.Json(new Health(isReady ? "ok" : "unavailable", parts), HealthJson.Default.Health, statusCode: isReady ? 200 : 503);
    }

    private static async Task<string> AskAsync(Database database, CancellationToken cancel)
    {
        try
        {
            await using var command = database.Web.CreateCommand("select 1");
            await command.ExecuteScalarAsync(cancel);
            return "ok";
        }
        catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
        {
            return "does not answer";
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Health))]
internal sealed partial class HealthJson : JsonSerializerContext;
