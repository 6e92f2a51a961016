using System.Net;
using System.Text.Json;

namespace Tracepipe.Stripe;

/// <summary>Turns a failed attempt into the exception that callers see.</summary>
internal static class StripeErrors
{
    /// <summary>Null when the body is not Stripe's: a proxy's page, an empty answer.</summary>
    public static StripeError? Parse(byte[] body)
    {
        try
        {
            return JsonSerializer.Deserialize(body, StripeJson.Default.StripeErrorBody)?.Error;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public static StripeException From(StripeCall call, Attempt ended, int attempts, bool outcomeUnknown, DateTimeOffset now)
    {
        if (ended is not Attempt.Answered answer)
        {
            var failed = (Attempt.Failed)ended;
            return new(StripeErrorKind.Connection, $"Stripe {call.Method} {call.Path}: {failed.Reason}.", failed.Cause)
            {
                IdempotencyKey = call.IdempotencyKey,
                Attempts = attempts,
                OutcomeUnknown = outcomeUnknown,
            };
        }

        var error = Parse(answer.Body);
        return new(KindOf(answer.Status, error?.Type), error?.Message ?? $"Stripe {call.Method} {call.Path} answered {(int)answer.Status}.")
        {
            Error = error,
            Status = answer.Status,
            RequestId = answer.RequestId,
            IdempotencyKey = call.IdempotencyKey,
            IsReplay = answer.IsReplay,
            RetryAfter = RetryPolicy.RetryAfter(answer.Headers, now),
            Attempts = attempts,
            OutcomeUnknown = outcomeUnknown,
        };
    }

    /// <summary>A success that cannot be read. The effect most likely happened; only its description is missing.</summary>
    public static StripeException Unreadable(StripeCall call, Attempt.Answered answer, int attempts, JsonException cause) =>
        new(StripeErrorKind.Api, $"Stripe {call.Method} {call.Path} answered {(int)answer.Status} with something unreadable at {cause.Path ?? "$"}.", cause)
        {
            Status = answer.Status,
            RequestId = answer.RequestId,
            IdempotencyKey = call.IdempotencyKey,
            IsReplay = answer.IsReplay,
            Attempts = attempts,
            OutcomeUnknown = true,
        };

    private static StripeErrorKind KindOf(HttpStatusCode status, string? type) => (status, type) switch
    {
        (HttpStatusCode.TooManyRequests, _) => StripeErrorKind.RateLimited,
        (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden, _) => StripeErrorKind.Authentication,
        (_, StripeErrorTypes.CardError) => StripeErrorKind.Card,
        (_, StripeErrorTypes.IdempotencyError) => StripeErrorKind.Idempotency,
        (_, StripeErrorTypes.InvalidRequestError) => StripeErrorKind.InvalidRequest,
        _ => StripeErrorKind.Api,
    };
}
