using System.Net;

namespace Tracepipe.Stripe;

/// <summary>What kind of refusal or failure a call ended in.</summary>
public enum StripeErrorKind
{
    /// <summary>The payment method was refused. The only kind whose message is written for people.</summary>
    Card,

    /// <summary>The parameters or the object's state do not allow the call.</summary>
    InvalidRequest,

    /// <summary>The idempotency key belongs to other parameters, or a call under it is still running.</summary>
    Idempotency,

    /// <summary>The key is unknown or may not do this.</summary>
    Authentication,

    /// <summary>Too many calls; see <see cref="StripeException.RetryAfter"/>.</summary>
    RateLimited,

    /// <summary>Stripe failed, or answered something that is no answer.</summary>
    Api,

    /// <summary>No answer: no connection, a lost one, or a timeout.</summary>
    Connection,
}

/// <summary>A call to Stripe that did not succeed.</summary>
public sealed class StripeException : Exception
{
    internal StripeException(StripeErrorKind kind, string message, Exception? inner = null) : base(message, inner) => Kind = kind;

    public StripeErrorKind Kind { get; }

    /// <summary>Stripe's own account of the error; null when there was no readable answer.</summary>
    public StripeError? Error { get; internal init; }

    /// <summary>Null when there was no answer.</summary>
    public HttpStatusCode? Status { get; internal init; }

    /// <summary>Stripe's <c>req_…</c>, to quote to its support.</summary>
    public string? RequestId { get; internal init; }

    /// <summary>The key under which the call was sent; null for reads and deletions.</summary>
    public string? IdempotencyKey { get; internal init; }

    /// <summary>The answer is a saved one: the same key will be answered the same again, also when it is a 5xx.</summary>
    public bool IsReplay { get; internal init; }

    /// <summary>How long Stripe asked to wait.</summary>
    public TimeSpan? RetryAfter { get; internal init; }

    /// <summary>How many times the call was sent.</summary>
    public int Attempts { get; internal init; }

    /// <summary>
    /// The call may have had its effect: the answer was lost, late or a 5xx, and no later attempt settled it.
    /// Look (repeat under the same key, or list and compare) rather than guess. False means that nothing was done.
    /// </summary>
    public bool OutcomeUnknown { get; internal init; }

    /// <summary>The bank or Stripe refused the card: <see cref="Exception.Message"/> may be shown to the person who pays.</summary>
    public bool IsCardError => Kind == StripeErrorKind.Card;

    /// <summary>The object does not exist (or not in this account and mode).</summary>
    public bool IsNotFound => Status == HttpStatusCode.NotFound;

    public string? Code => Error?.Code;

    public string? DeclineCode => Error?.DeclineCode;
}
