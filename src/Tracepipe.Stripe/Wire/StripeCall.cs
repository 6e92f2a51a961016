using System.Net;
using System.Net.Http.Headers;

namespace Tracepipe.Stripe;

/// <summary>One call as it is sent, and sent again unchanged.</summary>
/// <param name="Form">Encoded parameters: the query of a GET or DELETE, the body of a POST.</param>
internal sealed record StripeCall(HttpMethod Method, string Path, string Form, string? IdempotencyKey, TimeSpan Timeout, int MaxRetries);

/// <summary>How one attempt ended: with an answer, or with a failure that may or may not have reached Stripe.</summary>
internal abstract record Attempt
{
    public sealed record Answered(HttpStatusCode Status, HttpResponseHeaders Headers, byte[] Body) : Attempt
    {
        public string? RequestId => Header("Request-Id");

        public bool IsReplay => string.Equals(Header("Idempotent-Replayed"), "true", StringComparison.OrdinalIgnoreCase);

        private string? Header(string name) => Headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;
    }

    /// <param name="NeverSent">No connection was made, so Stripe cannot have acted on it.</param>
    public sealed record Failed(Exception Cause, string Reason, bool NeverSent) : Attempt;
}
