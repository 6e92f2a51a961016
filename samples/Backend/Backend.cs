using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tracepipe.Samples;

/// <summary>What a customer asks for: make examples of this session.</summary>
public sealed record RunRequest([property: JsonPropertyName("session_id")] Guid SessionId);

/// <summary>What a run made.</summary>
/// <param name="Run">Names the run everywhere: its hold, its usage.</param>
/// <param name="Tokens">Used by the run.</param>
public sealed record RunAnswer(string Run, [property: JsonPropertyName("session_id")] Guid SessionId, int Examples, long Tokens);

/// <summary>
/// The smallest backend that sells something through Tracepipe. A run goes in the order that keeps money exact: ask whether the key may, hold a workflow before
/// the work, do the work, report the tokens, commit the workflow. What fails is released and costs the customer nothing.
/// </summary>
public static class Backend
{
    /// <param name="args"><c>--Tracepipe:Address</c> and <c>--Tracepipe:ServiceKey</c>, or the same from the environment (<c>Tracepipe__ServiceKey</c>).</param>
    public static WebApplication Build(string[] args)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        var address = builder.Configuration["Tracepipe:Address"] ?? "http://localhost:5080";
        var service = builder.Configuration["Tracepipe:ServiceKey"] ?? throw new InvalidOperationException("Set Tracepipe:ServiceKey: make one with `service-key create`.");
        builder.Services.AddSingleton(_ =>
        {
            var http = new HttpClient { BaseAddress = new Uri(address) };
            return new Runs(http, service, TimeProvider.System);
        });
        var app = builder.Build();
        app.MapPost("/runs", async (RunRequest asked, HttpRequest request, Runs runs, CancellationToken cancel) => await runs.RunAsync(request.Headers["X-API-Key"].ToString(), asked, cancel));
        return app;
    }
}

/// <summary>Runs, one after the other steps of each.</summary>
/// <param name="service">The backend's own key; the customer's is sent where the customer's data is read.</param>
internal sealed class Runs(HttpClient http, string service, TimeProvider clock)
{
    private const int TokensPerExample = 250;

    public async Task<IResult> RunAsync(string key, RunRequest asked, CancellationToken cancel)
    {
        // 1. May this key, and is there something left to pay with? Costs nothing and reserves nothing.
        var verdict = await PostAsync("/v1/keys/verify", new { key, permission = "sessions:read", meter = "workflow", quantity = 1 }, cancel);
        if (!verdict.Body.GetProperty("valid").GetBoolean()) return Refused(verdict.Body);
        var organization = verdict.Body.GetProperty("organization_id").GetGuid();

        // 2. Hold it before the work: two runs cannot both take the last one.
        var run = $"run-{Guid.CreateVersion7():N}";
        var hold = await PostAsync("/v1/holds", new { id = run, organization_id = organization, meter = "workflow", quantity = 1 }, cancel);
        if (hold.Status != HttpStatusCode.Created) return Results.Json(hold.Body, statusCode: (int)hold.Status);
        try
        {
            // 3. The work, with what the customer's own key may read.
            if (await SummaryAsync(key, asked.SessionId, cancel) is not { } summary)
            {
                await PostAsync($"/v1/holds/{run}/release", new { }, CancellationToken.None);
                return Results.Problem("There is no such session for this key.", statusCode: StatusCodes.Status404NotFound);
            }
            var examples = summary.GetProperty("input_events").EnumerateArray().Sum(kind => kind.GetProperty("count").GetInt32());
            var tokens = (long)examples * TokensPerExample;

            // 4. What it used. Sent again after a lost answer it counts once, because source and id are the same.
            if (tokens > 0)
            {
                var reported = await PostAsync("/v1/events", new { specversion = "1.0", id = run, source = "/samples/backend", type = "tokens", subject = organization, time = clock.GetUtcNow(), data = new { quantity = tokens, model = "claude-sonnet-4" } }, cancel);
                if (reported.Status != HttpStatusCode.Accepted) throw new HttpRequestException($"The tokens were not counted: {reported.Body}");
            }

            // 5. Done: the workflow counts.
            var committed = await PostAsync($"/v1/holds/{run}/commit", new { usage_details = new { session_id = asked.SessionId } }, cancel);
            if (committed.Status != HttpStatusCode.OK) throw new HttpRequestException($"The workflow was not committed: {committed.Body}");
            return Results.Ok(new RunAnswer(run, asked.SessionId, examples, tokens));
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException)
        {
            await PostAsync($"/v1/holds/{run}/release", new { }, CancellationToken.None);
            throw;
        }
    }

    private static IResult Refused(JsonElement verdict) => Results.Problem(verdict.GetProperty("message").GetString(), title: verdict.GetProperty("code").GetString(), statusCode: verdict.GetProperty("code").GetString() switch
    {
        "unauthorized" => StatusCodes.Status401Unauthorized,
        "payment_required" => StatusCodes.Status402PaymentRequired,
        "rate_limited" => StatusCodes.Status429TooManyRequests,
        _ => StatusCodes.Status403Forbidden,
    });

    private async Task<JsonElement?> SummaryAsync(string key, Guid session, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/sessions/{session}/summary");
        request.Headers.Add("X-API-Key", key);
        using var answer = await http.SendAsync(request, cancel);
        if (answer.StatusCode is HttpStatusCode.NotFound) return null;
        return await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>(cancel);
    }

    private async Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(string path, object body, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        request.Headers.Add("X-API-Key", service);
        using var answer = await http.SendAsync(request, cancel);
        return (answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(cancel));
    }
}
