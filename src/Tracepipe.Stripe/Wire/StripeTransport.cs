using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Logging;

namespace Tracepipe.Stripe;

/// <summary>Sends calls over HTTP: headers, attempts, waits between them, and what an answer means.</summary>
internal sealed partial class StripeTransport(HttpClient http, StripeOptions options, TimeProvider clock, ILogger logger)
{
    private static readonly MediaTypeHeaderValue FormType = new("application/x-www-form-urlencoded");
    private static readonly ProductInfoHeaderValue Agent = new("Tracepipe", typeof(StripeTransport).Assembly.GetName().Version?.ToString(3) ?? "0");

    private readonly string origin = options.ApiBase.GetLeftPart(UriPartial.Path).TrimEnd('/');

    public Task<T> GetAsync<T>(string path, StripeParams? query, ReadOptions? read, CancellationToken cancel) =>
        SendAsync<T>(Unkeyed(HttpMethod.Get, path, query, read), cancel);

    public Task<T> DeleteAsync<T>(string path, StripeParams? query, ReadOptions? read, CancellationToken cancel) =>
        SendAsync<T>(Unkeyed(HttpMethod.Delete, path, query, read), cancel);

    public Task<T> PostAsync<T>(string path, StripeParams? body, RequestOptions write, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(write);
        var key = write.IdempotencyKey;
        if (string.IsNullOrEmpty(key) || key.Length > 255 || key.AsSpan().ContainsAnyExceptInRange('!', '~'))
            throw new ArgumentException("An idempotency key has 1 to 255 printable ASCII characters without spaces.", nameof(write));
        return SendAsync<T>(new(HttpMethod.Post, path, Encode(body), key, write.Timeout ?? options.Timeout, write.MaxRetries ?? options.MaxRetries), cancel);
    }

    /// <summary>All objects of a list, fetched a page at a time: onwards to older ones, or to newer ones when <c>EndingBefore</c> is given.</summary>
    public async IAsyncEnumerable<T> ListAllAsync<T>(string path, ListParams query, ReadOptions? read, [EnumeratorCancellation] CancellationToken cancel)
        where T : StripeObject
    {
        var backwards = query.EndingBefore is not null;
        while (true)
        {
            var page = await GetAsync<StripeList<T>>(path, query, read, cancel);
            foreach (var item in backwards ? page.Data.Reverse() : page.Data) yield return item;
            if (!page.HasMore || page.Data.Count == 0) yield break;
            query = backwards ? query with { EndingBefore = page.Data[0].Id } : query with { StartingAfter = page.Data[^1].Id };
        }
    }

    private StripeCall Unkeyed(HttpMethod method, string path, StripeParams? query, ReadOptions? read) =>
        new(method, path, Encode(query), IdempotencyKey: null, read?.Timeout ?? options.Timeout, read?.MaxRetries ?? options.MaxRetries);

    private static string Encode(StripeParams? parameters) =>
        parameters is null ? "" : FormEncoder.Encode(JsonSerializer.SerializeToElement(parameters, StripeJson.Default.GetTypeInfo(parameters.GetType())!));

    private async Task<T> SendAsync<T>(StripeCall call, CancellationToken cancel)
    {
        var unsettled = false; // an attempt may have had its effect without telling us
        for (var attempt = 1; ; attempt++)
        {
            var ended = await TryOnceAsync(call, attempt, cancel);
            if (ended is Attempt.Answered { Status: >= HttpStatusCode.OK and < HttpStatusCode.Ambiguous } success) return Read<T>(call, success, attempt);

            unsettled = StillUnsettled(call, ended, unsettled);
            var wait = attempt > call.MaxRetries ? null : ended switch
            {
                Attempt.Answered answer => RetryPolicy.DelayAfter(answer.Status, answer.Headers, attempt, clock.GetUtcNow()),
                _ => RetryPolicy.DelayAfterFailure(attempt),
            };
            if (wait is not { } delay) throw StripeErrors.From(call, ended, attempt, unsettled, clock.GetUtcNow());

            LogRetry(call.Method, call.Path, attempt, Describe(ended), (long)delay.TotalMilliseconds);
            await Task.Delay(delay, clock, cancel);
        }
    }

    /// <summary>
    /// Whether the effect is still in doubt after this attempt. Under an idempotency key a definite answer (400, 402, 404, …) settles also the attempts
    /// before it, for Stripe replays what it saved; "too many", "still running" and "who are you" say nothing about them. Without a key nothing settles.
    /// </summary>
    private static bool StillUnsettled(StripeCall call, Attempt ended, bool before) => ended switch
    {
        Attempt.Failed failed => before || !failed.NeverSent,
        Attempt.Answered { Status: >= HttpStatusCode.InternalServerError } => true,
        Attempt.Answered { Status: HttpStatusCode.Conflict } answer => before || StripeErrors.Parse(answer.Body)?.Code == StripeErrorCodes.IdempotencyKeyInUse,
        Attempt.Answered { Status: < HttpStatusCode.BadRequest } => true, // a redirect is no answer of Stripe's
        Attempt.Answered { Status: HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.TooManyRequests } => before,
        _ => before && call.IdempotencyKey is null,
    };

    private async Task<Attempt> TryOnceAsync(StripeCall call, int attempt, CancellationToken cancel)
    {
        using var request = NewRequest(call);
        using var patience = new CancellationTokenSource(call.Timeout, clock);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancel, patience.Token);
        var started = clock.GetTimestamp();
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseContentRead, linked.Token);
            var answer = new Attempt.Answered(response.StatusCode, response.Headers, await response.Content.ReadAsByteArrayAsync(linked.Token));
            LogAnswer(call.Method, call.Path, attempt, (int)answer.Status, (long)clock.GetElapsedTime(started).TotalMilliseconds, answer.RequestId, call.IdempotencyKey, answer.IsReplay);
            return answer;
        }
        catch (OperationCanceledException late) when (!cancel.IsCancellationRequested)
        {
            return new Attempt.Failed(late, string.Create(CultureInfo.InvariantCulture, $"no answer within {call.Timeout.TotalSeconds:0.###} s"), NeverSent: false);
        }
        catch (HttpRequestException lost)
        {
            var neverSent = lost.HttpRequestError is HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError
                or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError;
            return new Attempt.Failed(lost, neverSent ? "no connection" : "the connection was lost", neverSent);
        }
        catch (IOException lost)
        {
            return new Attempt.Failed(lost, "the connection was lost", NeverSent: false);
        }
    }

    private HttpRequestMessage NewRequest(StripeCall call)
    {
        var inBody = call.Method == HttpMethod.Post;
        var request = new HttpRequestMessage(call.Method, origin + call.Path + (inBody || call.Form.Length == 0 ? "" : "?" + call.Form));
        request.Headers.Authorization = new("Bearer", options.ApiKey);
        request.Headers.Add("Stripe-Version", options.ApiVersion);
        request.Headers.UserAgent.Add(Agent);
        request.Headers.Accept.Add(new("application/json"));
        if (call.IdempotencyKey is not null) request.Headers.Add("Idempotency-Key", call.IdempotencyKey);
        if (inBody) request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(call.Form)) { Headers = { ContentType = FormType } };
        return request;
    }

    private static T Read<T>(StripeCall call, Attempt.Answered answer, int attempts)
    {
        try
        {
            return JsonSerializer.Deserialize(answer.Body, (JsonTypeInfo<T>)StripeJson.Default.GetTypeInfo(typeof(T))!) ?? throw new JsonException("null is no answer.");
        }
        catch (JsonException unreadable)
        {
            throw StripeErrors.Unreadable(call, answer, attempts, unreadable);
        }
    }

    private static string Describe(Attempt ended) => ended switch
    {
        Attempt.Answered answer => string.Create(CultureInfo.InvariantCulture, $"status {(int)answer.Status}, request {answer.RequestId ?? "without id"}"),
        Attempt.Failed failed => failed.Reason,
        _ => "",
    };

    [LoggerMessage(Level = LogLevel.Debug, Message = "Stripe {Method} {Path} attempt {Attempt}: {Status} in {Milliseconds} ms, request {RequestId}, key {IdempotencyKey}, replayed {Replayed}")]
    private partial void LogAnswer(HttpMethod method, string path, int attempt, int status, long milliseconds, string? requestId, string? idempotencyKey, bool replayed);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Stripe {Method} {Path} attempt {Attempt} failed ({Reason}); again in {Milliseconds} ms")]
    private partial void LogRetry(HttpMethod method, string path, int attempt, string reason, long milliseconds);
}
