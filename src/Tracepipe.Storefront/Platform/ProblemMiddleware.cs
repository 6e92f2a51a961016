using System.Diagnostics;
using System.Text.Json;
using Npgsql;

namespace Tracepipe.Storefront.Platform;

/// <summary>
/// The last word on every request: gives it an id, and turns what fell through (exceptions, empty error statuses) into the surface's own error. Pages
/// keep their status with an empty body; the Ui module renders a page for it.
/// </summary>
internal sealed partial class ProblemMiddleware(RequestDelegate next, ILogger<ProblemMiddleware> log)
{
    /// <summary>COR_E_IO.</summary>
    private const int GeneralIoError = unchecked((int)0x80131620);

    public async Task InvokeAsync(HttpContext context)
    {
        var requestId = Activity.Current?.TraceId.ToHexString() ?? context.TraceIdentifier;
        context.TraceIdentifier = requestId;
        context.Response.Headers["X-Request-Id"] = requestId;
        try
        {
            await next(context);
        }
        catch (Exception failure)
        {
            if (context.RequestAborted.IsCancellationRequested && failure is OperationCanceledException or IOException) return; // the caller has gone
            var problem = context.Request.HasFormContentType && IsOfTheFormReader(failure)
                ? Problem.BadRequest("The form cannot be read: it is cut off, holds characters that no field takes, or more fields than any form of ours.")
                : Explain(failure, requestId);
            if (problem.Status >= 500) Failed(log, failure, context.Request.Method, Printable(context.Request.Path), requestId);
            if (context.Response.HasStarted) throw;
            Clear(context.Response);
            await AnswerAsync(context, problem);
            return;
        }
        if (context.Response is { HasStarted: false, StatusCode: >= 400, ContentLength: null, ContentType: null } && IsApi(context.Request.Path))
            await FromStatus(context.Response.StatusCode, requestId).WriteAsync(context);
    }

    /// <summary>Whether errors of this path are JSON rather than a page.</summary>
    public static bool IsApi(PathString path) => path.StartsWithSegments("/v1", StringComparison.Ordinal) || path.StartsWithSegments("/api", StringComparison.Ordinal)
        || path.StartsWithSegments("/webhooks", StringComparison.Ordinal) || path.StartsWithSegments("/health", StringComparison.Ordinal) || path.StartsWithSegments("/openapi", StringComparison.Ordinal);

    // The framework's reader throws these as they are; a failure of a disk has a code of its own.
    private static bool IsOfTheFormReader(Exception failure) => failure is InvalidDataException || (failure.GetType() == typeof(IOException) && failure.HResult == GeneralIoError);

    // What was said about the request itself (its id, the limits it counted against) stays true of the error.
    private static void Clear(HttpResponse response)
    {
        var kept = response.Headers.Where(h => h.Key.StartsWith("X-", StringComparison.OrdinalIgnoreCase)).ToArray();
        response.Clear();
        foreach (var (name, value) in kept) response.Headers[name] = value;
    }

    private static async Task AnswerAsync(HttpContext context, Problem problem)
    {
        if (IsApi(context.Request.Path)) { await problem.WriteAsync(context); return; }
        context.Response.StatusCode = problem.Status;
        if (problem.RetryAfter is { } seconds) context.Response.Headers.RetryAfter = seconds.ToString();
    }

    private static Problem Explain(Exception failure, string requestId) => failure switch
    {
        BadHttpRequestException { StatusCode: 413 } => FromStatus(413, requestId),
        BadHttpRequestException { InnerException: JsonException json } => Problem.BadRequest(Sentence(json)),
        BadHttpRequestException bad => FromStatus(bad.StatusCode, requestId),
        JsonException json => Problem.BadRequest(Sentence(json)),
        // 57P01–03: the server is going down or starting; 57014: a statement ran out of time; 53xxx: out of connections, space, memory; 55P03, 40P01, 40001: others were
        // in the way. Nothing was done, and the same request may well succeed.
        PostgresException { SqlState: "57P01" or "57P02" or "57P03" or "57014" or "53000" or "53100" or "53200" or "53300" or "55P03" or "40P01" or "40001" or "25006" } => Problem.Unavailable(),
        PostgresException { SqlState: PostgresErrorCodes.CharacterNotInRepertoire } => Problem.BadRequest("A text in the request holds a zero byte."), // no text of ours has one
        PostgresException => Problem.Internal(requestId),
        NpgsqlException or TimeoutException => Problem.Unavailable(),
        Microsoft.EntityFrameworkCore.DbUpdateException { InnerException: NpgsqlException inner } => Explain(inner, requestId),
        InvalidOperationException { InnerException: NpgsqlException inner } => Explain(inner, requestId), // EF's retry advice around a lost connection
        Microsoft.AspNetCore.Antiforgery.AntiforgeryValidationException => Problem.BadRequest("The form is too old or came from another site. Load the page again and repeat."),
        _ => Problem.Internal(requestId),
    };

    private static string Sentence(JsonException json)
    {
        var where = json.Path is { Length: > 1 } path && !path.Contains('\n', StringComparison.Ordinal) ? $" at {path}" : "";
        return $"The JSON body cannot be read{where}: check its syntax, names and types against the API reference.";
    }

    private static Problem FromStatus(int status, string requestId) => status switch
    {
        400 => Problem.BadRequest("The request cannot be read: check its syntax, names and types against the API reference."),
        401 => Problem.Unauthorized("Log in or send an API key in the X-API-Key header."),
        403 => new Problem(403, "forbidden", "This is not allowed for you."),
        404 => Problem.NotFound("The address"),
        405 => new Problem(405, "method_not_allowed", "This address does not take that method: see the API reference."),
        406 => new Problem(406, "not_acceptable", "This address cannot answer in that media type."),
        408 => new Problem(408, "request_timeout", "The request came too slowly and was cut off. Send it again."),
        413 => new Problem(413, "payload_too_large", "The body is larger than this address takes."),
        415 => new Problem(415, "unsupported_media_type", "Send the body as application/json."),
        429 => Problem.TooMany("Too many requests. Wait and try again.", 60),
        503 => Problem.Unavailable(),
        >= 500 => Problem.Internal(requestId),
        _ => new Problem(status, "bad_request", "The request cannot be carried out."),
    };

    private static string Printable(PathString path) => string.Concat((path.Value ?? "").Where(c => !char.IsControl(c)));

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path} failed, request {RequestId}")]
    private static partial void Failed(ILogger log, Exception failure, string method, string path, string requestId);
}
