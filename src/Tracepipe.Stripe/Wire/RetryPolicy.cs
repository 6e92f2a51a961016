using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace Tracepipe.Stripe;

/// <summary>
/// Decides whether a call is sent again and how long to wait before. As Stripe's own libraries do: on a lost connection, a timeout, 409 and 5xx,
/// and whenever <c>Stripe-Should-Retry</c> says so; never against it, never on another 4xx. Beyond them, 429 is tried again after a longer wait.
/// </summary>
internal static class RetryPolicy
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(0.5), Longest = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FirstWhenLimited = TimeSpan.FromSeconds(2), LongestWhenLimited = TimeSpan.FromSeconds(20);

    /// <summary>A caller that would have to wait longer than this is told instead.</summary>
    private static readonly TimeSpan LongestAskedFor = TimeSpan.FromSeconds(60);

    /// <summary>The wait before sending again after this answer, or null to stop.</summary>
    /// <param name="retry">1 before the first repetition.</param>
    public static TimeSpan? DelayAfter(HttpStatusCode status, HttpResponseHeaders headers, int retry, DateTimeOffset now)
    {
        var limited = status == HttpStatusCode.TooManyRequests;
        var again = ShouldRetry(headers) ?? (limited || status == HttpStatusCode.Conflict || (int)status >= 500);
        if (!again) return null;

        var usual = limited ? Backoff(FirstWhenLimited, LongestWhenLimited, retry) : Backoff(First, Longest, retry);
        if (RetryAfter(headers, now) is not { } asked) return usual;
        return asked > LongestAskedFor ? null : asked > usual ? asked : usual;
    }

    /// <summary>The wait before sending again after a connection failure or a timeout.</summary>
    public static TimeSpan DelayAfterFailure(int retry) => Backoff(First, Longest, retry);

    public static TimeSpan? RetryAfter(HttpResponseHeaders headers, DateTimeOffset now) => headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date > now ? date - now : TimeSpan.Zero,
        _ => null,
    };

    private static bool? ShouldRetry(HttpResponseHeaders headers) =>
        headers.TryGetValues("Stripe-Should-Retry", out var values) && bool.TryParse(values.FirstOrDefault(), out var should) ? should : null;

    /// <summary>Doubling, capped, and up to a quarter shorter, so that callers who failed together do not return together.</summary>
    private static TimeSpan Backoff(TimeSpan first, TimeSpan longest, int retry)
    {
        var full = Math.Min(first.Ticks * Math.Pow(2, Math.Min(retry - 1, 20)), longest.Ticks);
        return TimeSpan.FromTicks((long)(full * (1 - RandomNumberGenerator.GetInt32(0, 251) / 1000.0)));
    }
}
