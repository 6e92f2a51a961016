using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using JsonOptions = Microsoft.AspNetCore.Http.Json.JsonOptions;

namespace Tracepipe.Storefront.Metering;

/// <summary><c>POST /v1/costs</c>: the sold API's backend tells what calls of models have cost.</summary>
internal static class CostsIntakeApi
{
    private const int MostAtOnce = 64, MostRecords = 10_000, LargestBody = 10 * 1024 * 1024;

    public static void MapCostsIntake(this IEndpointRouteBuilder routes) => routes.MapPost("/v1/costs", RecordAsync)
        .RequireAuthorization(Policies.Service).AddEndpointFilter(new InFlight(MostAtOnce)).WithTags("Costs").WithName("recordCosts")
        .WithDescription("One record or a list of up to 10,000. Costs are computed with the price list of their time unless the record says them. Stored once by id: sending the same again is safe. Shown to the customer, and charged by nobody.")
        .Accepts<CostRecordRequest[]>("application/json").WithMetadata(new RequestSizeLimitAttribute(LargestBody))
        .WithExample(202, """{"accepted":2,"duplicates":0,"conflicts":0,"rejected":1,"items":[{"index":2,"id":"call-3","reason":"unknown_model","message":"“openai/gpt-0” is not on the price list: send prompt_cost and completion_cost, or ask the operator to add it."}]}""",
            """[{"id":"call-1","organization_id":"019aa5f4-1b7e-7d03-b1c4-52a8f0e6d917","task_id":"run-7","agent_id":"labeler","sandbox_id":null,"provider":"openai","model":"gpt-4-turbo","prompt_tokens":1000,"completion_tokens":2000,"recorded_at":"2026-11-21T12:04:05.117Z"}]""");

    /// <summary>Record what calls of models have cost.</summary>
    internal static async Task<Results<Accepted<IngestAnswer>, ProblemAnswer>> RecordAsync([FromBody] JsonElement body, CostRecorder recorder, IOptions<JsonOptions> json, CancellationToken cancel)
    {
        if (body.ValueKind is not (JsonValueKind.Array or JsonValueKind.Object)) return Problem.BadRequest("Send a cost record or a list of them.").ToResult();
        var isList = body.ValueKind is JsonValueKind.Array;
        if (isList && body.GetArrayLength() > MostRecords) return new Problem(413, "payload_too_large", $"A batch takes up to {MostRecords} records: send several.").ToResult();
        var sent = (isList ? body.EnumerateArray() : Enumerable.Repeat(body, 1)).Select(one => Read(one, json.Value.SerializerOptions)).ToList();
        if (!isList && sent[0].Wrong is { } wrong) return Problem.BadRequest(wrong).ToResult();
        var answer = await recorder.RecordAsync(sent, cancel);
        if (!isList && answer.Items is [var only])
            return (only.Reason is "conflict" ? Problem.Conflict(only.Message) : new Problem(422, "validation_error", only.Message, new Dictionary<string, object?>(StringComparer.Ordinal) { ["reason"] = only.Reason })).ToResult();
        return TypedResults.Accepted((string?)null, answer);
    }

    private static (CostRecordRequest? Record, string? Wrong) Read(JsonElement one, JsonSerializerOptions options)
    {
        try
        {
            return one.Deserialize<CostRecordRequest>(options) is { } record ? (record, null) : (null, "A record is an object: { … }.");
        }
        catch (JsonException malformed)
        {
            return (null, $"The record cannot be read at {malformed.Path ?? "$"}: check its names and types against the API reference.");
        }
    }
}

/// <summary>A cost record as the billing guide has it, from the sender.</summary>
/// <param name="Id">Names the call within its organization, 1 to 255 characters; the same id is the same record.</param>
/// <param name="TaskId">What the call was for.</param>
/// <param name="Provider">As on the price list: <c>openai</c>.</param>
/// <param name="Model">As on the price list: <c>gpt-4-turbo</c>.</param>
/// <param name="OrganizationId">Whose call it was; or its billing_account_id.</param>
/// <param name="PromptCost">Exact dollars, at most 12 decimals; left out: by the price list.</param>
/// <param name="CompletionCost">Exact dollars; both or neither.</param>
/// <param name="RecordedAt">When it was called; now, unless said otherwise.</param>
public sealed record CostRecordRequest([property: Required] string Id, [property: Required] string TaskId, [property: Required] string Provider, [property: Required] string Model, long PromptTokens, long CompletionTokens,
    Guid? OrganizationId = null, Guid? BillingAccountId = null, string? AgentId = null, string? SandboxId = null, long? TotalTokens = null, decimal? PromptCost = null, decimal? CompletionCost = null, decimal? TotalCost = null, DateTimeOffset? RecordedAt = null);
