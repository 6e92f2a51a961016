using System.Text.Json.Serialization;

namespace Tracepipe.Storefront.Platform;

/// <summary>
/// An expected "no", the same for both API surfaces. <c>/v1</c> writes it as <c>{"error":{code,message,details}}</c>, everything else as an
/// RFC 9457 problem whose <c>detail</c> is a sentence for people. Codes and statuses: the table of the API document.
/// </summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Code">Stable name, such as <c>not_found</c>.</param>
/// <param name="Message">A sentence that says what to do.</param>
/// <param name="Details">Machine-readable facts: <c>reason</c>, <c>missing</c>, or a sentence per field.</param>
/// <param name="RetryAfter">Seconds, for 429 and 503.</param>
internal sealed record Problem(int Status, string Code, string Message, IReadOnlyDictionary<string, object?>? Details = null, int? RetryAfter = null)
{
    public static Problem BadRequest(string message) => new(400, "bad_request", message);

    public static Problem Unauthorized(string message) => new(401, "unauthorized", message);

    public static Problem PaymentRequired(string reason, string message) => new(402, "payment_required", message, new Dictionary<string, object?>(StringComparer.Ordinal) { ["reason"] = reason });

    public static Problem Forbidden(string missing, string message) => new(403, "forbidden", message, new Dictionary<string, object?>(StringComparer.Ordinal) { ["missing"] = missing });

    /// <summary>Not there, or another organization's: the answer is the same.</summary>
    public static Problem NotFound(string noun) => new(404, "not_found", $"{noun} not found.");

    public static Problem Conflict(string message) => new(409, "conflict", message);

    public static Problem Invalid(string field, string message) => Invalid(new Dictionary<string, object?>(StringComparer.Ordinal) { [field] = message });

    public static Problem Invalid(IReadOnlyDictionary<string, object?> fields) => new(422, "validation_error", string.Join(' ', fields.Values), fields);

    public static Problem TooMany(string message, int retryAfterSeconds, string? reason = null) => new(429, "rate_limited", message,
        reason is null ? null : new Dictionary<string, object?>(StringComparer.Ordinal) { ["reason"] = reason }, retryAfterSeconds);

    /// <summary>The database or storage cannot answer; a good key is never called wrong because of it.</summary>
    public static Problem Unavailable(string message = "The service cannot reach its database right now. Nothing was changed. Try again in a few seconds.") => new(503, "unavailable", message, RetryAfter: 5);

    public static Problem Internal(string requestId) => new(500, "internal_error", "Something failed on our side. Tell us the request id and we find it.", new Dictionary<string, object?>(StringComparer.Ordinal) { ["request_id"] = requestId });

    /// <summary>For endpoint handlers: a typed result that writes itself in the shape of the surface it is asked on.</summary>
    public ProblemAnswer ToResult() => new(this);

    /// <summary>Writes the answer in the shape of the request's surface.</summary>
    public async Task WriteAsync(HttpContext context)
    {
        var response = context.Response;
        response.StatusCode = Status;
        if (RetryAfter is { } seconds) response.Headers.RetryAfter = seconds.ToString();
        response.Headers.CacheControl = "no-store";
        if (context.Request.Path.StartsWithSegments("/v1", StringComparison.Ordinal))
            await response.WriteAsJsonAsync(new ErrorBody(new ErrorFacts(Code, Message, Details)), PlatformJson.Default.ErrorBody, "application/json; charset=utf-8", context.RequestAborted);
        else
            await response.WriteAsJsonAsync(new ProblemBody($"/docs/errors#{Code}", Title(Status), Status, Message, Code, Details), PlatformJson.Default.ProblemBody, "application/problem+json", context.RequestAborted);
    }

    private static string Title(int status) => Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status);
}

/// <summary>A <see cref="Problem"/> as an endpoint's result.</summary>
internal sealed class ProblemAnswer(Problem problem) : IResult, IStatusCodeHttpResult
{
    public Problem Problem { get; } = problem;

    public int? StatusCode => Problem.Status;

    public Task ExecuteAsync(HttpContext httpContext) => Problem.WriteAsync(httpContext);
}

internal sealed record ErrorBody(ErrorFacts Error);

internal sealed record ErrorFacts(string Code, string Message, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyDictionary<string, object?>? Details);

internal sealed record ProblemBody(string Type, string Title, int Status, string Detail, string Code,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyDictionary<string, object?>? Details);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ErrorBody))]
[JsonSerializable(typeof(ProblemBody))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(int))]
[JsonSerializable(typeof(long))]
[JsonSerializable(typeof(string[]))]
internal sealed partial class PlatformJson : JsonSerializerContext;
