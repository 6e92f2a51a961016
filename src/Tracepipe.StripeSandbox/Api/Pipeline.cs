using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;
using Tracepipe.StripeSandbox.Spec;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>
/// A request on its way through <c>/v1</c>, in Stripe's order: request id, key, version, form, description,
/// idempotency, handler, expansion, and the answer held against the description.
/// </summary>
internal sealed class Pipeline(Accounts accounts, ILogger<Pipeline> log)
{
    private const int LongestBody = 1 << 20;
    private static readonly ApiSpec Spec = ApiSpec.Dahlia;
    private static readonly SchemaChecker Checker = new(Spec);

    public async Task HandleAsync(HttpContext http)
    {
        var requestId = accounts.Ids.Next("req_", 14);
        http.Response.Headers["Request-Id"] = requestId;
        Reply reply;
        try
        {
            reply = await AnswerAsync(http, requestId);
        }
        catch (StripeError refusal)
        {
            reply = Reply.Refused(refusal);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            log.Faulted(fault, requestId);
            reply = Reply.Error(500, "api_error", $"The billing sandbox failed; its log has {requestId}.");
        }
        await WriteAsync(http, reply);
        log.Answered(http.Request.Method, http.Request.Path, reply.Status, requestId);
    }

    private async Task<Reply> AnswerAsync(HttpContext http, string requestId)
    {
        var request = http.Request;
        var form = request.Method == "POST" ? await BodyAsync(request) : request.QueryString.Value?.TrimStart('?') ?? "";
        var given = FormReader.Read(form);
        var caller = Authentication.Identify(accounts, request, given);
        if (caller.IsBrowser) BrowserCalls.AllowAnyOrigin(http.Response);
        CheckVersion(http);
        var path = request.Path.Value!.TrimEnd('/');
        var operation = Spec.Match(request.Method, path) ?? throw Unrecognized(request.Method, path);
        if (caller.IsBrowser && !BrowserCalls.Allows(operation))
            throw new StripeError(403, "invalid_request_error", "This call needs the secret key: a publishable key is for browsers.", "secret_key_required");
        var parameters = ParameterReader.Read(given, caller.IsBrowser ? BrowserCalls.Parameters(operation) : operation.Parameters);
        var implemented = Operations.Find(operation.Name) ?? throw StripeError.Unimplemented(operation.Name);
        implemented.Parameters.Check(parameters);
        var fault = caller.Account.Faults.Next(operation.Method, operation.Template);
        var key = request.Method == "POST" ? IdempotencyKey(request) : null;
        if (key is not null) http.Response.Headers["Idempotency-Key"] = key;
        using var taken = Idempotency.Take(caller.Account, key);
        if (fault is not null && await fault.BeforeAsync(accounts.Time, http.RequestAborted) is { } failed) return failed;
        var reply = Run(caller, operation, implemented, parameters, path, new RequestInfo(requestId, key));
        return fault?.After(reply) ?? reply;
    }

    private Reply Run(Caller caller, SpecOperation operation, Operation implemented, JsonObject parameters, string path, RequestInfo info) =>
        caller.Account.Write(info, work =>
        {
            if (info.IdempotencyKey is not { } key) return Handle(work, caller, operation, implemented, parameters, path);
            var hash = Idempotency.Hash(operation.Method, path, parameters);
            if (Idempotency.Find(work, key, hash) is { } before) return before;
            var reply = Handle(work, caller, operation, implemented, parameters, path);
            Idempotency.Keep(work, key, hash, reply);
            return reply;
        });

    private Reply Handle(UnitOfWork work, Caller caller, SpecOperation operation, Operation implemented, JsonObject parameters, string path)
    {
        var call = new Call(work, new Params(parameters), ApiSpec.PathArguments(operation, path), path, caller.IsBrowser);
        try
        {
            var body = implemented.Handler(call);
            Rendering.Expand(work, body, operation.Response, call.Params.Texts("expand"));
            return Checked(work, new Reply(200, body.ToJsonString()), operation.Response, operation) is var reply && caller.IsBrowser
                ? reply with { Body = BrowserCalls.Reduce(body).ToJsonString() } : reply;
        }
        catch (StripeError refusal)
        {
            var error = Reply.Refused(refusal, (doc) => caller.IsBrowser ? BrowserCalls.Reduce(Rendering.Render(work, doc)) : Rendering.Render(work, doc));
            if (!refusal.KeepsChanges) work.Discard();
            return caller.IsBrowser || refusal.Code == "sandbox_not_implemented" ? error : Checked(work, error, Spec["error"], operation);
        }
    }

    /// <summary>An answer that the description does not allow is a fault of the sandbox, never something to live with.</summary>
    private Reply Checked(UnitOfWork work, Reply reply, Schema schema, SpecOperation operation)
    {
        if (!work.Account.Options.StrictResponses) return reply;
        using var json = JsonDocument.Parse(reply.Body);
        var errors = Checker.Check(json.RootElement, schema);
        if (errors.Count == 0) return reply;
        var message = $"{operation.Name}: {string.Join("; ", errors)}";
        accounts.Violations.Add(message);
        log.Violated(message);
        work.Discard();
        return Reply.Error(500, "api_error", message);
    }

    private static void CheckVersion(HttpContext http)
    {
        http.Response.Headers["Stripe-Version"] = ApiSpec.Version;
        if (http.Request.Headers["Stripe-Version"] is not [{ Length: > 0 } wanted] || wanted == ApiSpec.Version) return;
        throw StripeError.Invalid(Spec.ApiVersions.Contains(wanted) || KnownLater(wanted)
            ? $"The billing sandbox renders only {ApiSpec.Version}." : "This is not the name of an API version.", "Stripe-Version");

        static bool KnownLater(string name) => name.EndsWith(".endive", StringComparison.Ordinal);
    }

    private static string? IdempotencyKey(HttpRequest request)
    {
        if (request.Headers["Idempotency-Key"] is not [{ Length: > 0 } key]) return null;
        return key.Length <= 255 ? key : throw StripeError.Invalid("An idempotency key has at most 255 characters.");
    }

    private static StripeError Unrecognized(string method, string path) =>
        new(404, "invalid_request_error", $"Unrecognized request URL ({method}: {path}).");

    private static async Task<string> BodyAsync(HttpRequest request)
    {
        if (request.ContentType is { Length: > 0 } type && !type.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase) && request.ContentLength != 0)
            throw StripeError.Invalid("The body must be application/x-www-form-urlencoded.");
        using var body = new MemoryStream();
        var buffer = new byte[8192];
        while (await request.Body.ReadAsync(buffer, request.HttpContext.RequestAborted) is var read and > 0)
        {
            if (body.Length + read > LongestBody) throw StripeError.Invalid("The body is too long.");
            body.Write(buffer, 0, read);
        }
        return Encoding.UTF8.GetString(body.GetBuffer(), 0, (int)body.Length);
    }

    private static async Task WriteAsync(HttpContext http, Reply reply)
    {
        if (reply.Drops)
        {
            http.Abort();
            return;
        }
        var response = http.Response;
        response.StatusCode = reply.Status;
        response.ContentType = "application/json";
        if (reply.IsReplay) response.Headers["Idempotent-Replayed"] = "true";
        if (reply.ShouldRetry is { } retry) response.Headers["Stripe-Should-Retry"] = retry ? "true" : "false";
        if (reply.RetryAfter is { } seconds) response.Headers.RetryAfter = seconds.ToString();
        await response.WriteAsync(reply.Body, http.RequestAborted);
    }
}

internal static partial class PipelineLog
{
    // Paths hold ids only; queries and bodies hold secrets and are never logged.
    [LoggerMessage(Level = LogLevel.Debug, Message = "Billing sandbox: {Method} {Path} → {Status} ({RequestId})")]
    public static partial void Answered(this ILogger log, string method, string path, int status, string requestId);

    [LoggerMessage(Level = LogLevel.Error, Message = "Billing sandbox: request {RequestId} failed")]
    public static partial void Faulted(this ILogger log, Exception fault, string requestId);

    [LoggerMessage(Level = LogLevel.Error, Message = "Billing sandbox: the answer breaks the API description: {Violation}")]
    public static partial void Violated(this ILogger log, string violation);
}
