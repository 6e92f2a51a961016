using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>
/// Faults on order: <c>error</c> (500, nothing done), <c>error_after</c> (500, done and kept under its key),
/// <c>rate_limit</c> (429), <c>lock_timeout</c> (409), <c>drop</c> (connection breaks, nothing done), <c>drop_after</c>
/// (connection breaks, done), <c>slow</c> (answers after a while) and <c>hang</c> (never answers).
/// </summary>
internal static class Faults
{
    private static readonly string[] Kinds = ["error", "error_after", "rate_limit", "lock_timeout", "drop", "drop_after", "slow", "hang"];

    public static void Order(Account account, JsonObject order)
    {
        var kind = order["kind"]?.GetValue<string>() ?? "";
        if (!Kinds.Contains(kind)) throw StripeError.Invalid($"A fault is one of {string.Join(", ", Kinds)}.", "kind");
        account.Faults.Add(new OrderedFault(
            new Fault(kind, order["should_retry"]?.GetValue<bool>(), TimeSpan.FromMilliseconds(order["delay_ms"]?.GetValue<int>() ?? 0)),
            order["method"]?.GetValue<string>() ?? "POST", order["path"]?.GetValue<string>(), order["count"]?.GetValue<int>() ?? 1, order["percent"]?.GetValue<int>() ?? 100));
    }

    /// <summary>What is answered instead of doing anything; null lets the call through, perhaps later.</summary>
    public static async Task<Reply?> BeforeAsync(this Fault fault, TimeProvider time, CancellationToken gone)
    {
        switch (fault.Kind)
        {
            case "error":
                return Reply.Error(500, "api_error", "An ordered fault: nothing was done.") with { ShouldRetry = fault.ShouldRetry };
            case "rate_limit":
                return Reply.Error(429, "invalid_request_error", "An ordered fault: too many requests.", "rate_limit") with { RetryAfter = 1, ShouldRetry = fault.ShouldRetry };
            case "lock_timeout":
                return Reply.Error(409, "invalid_request_error", "An ordered fault: the object is locked by another request.", "lock_timeout") with { ShouldRetry = fault.ShouldRetry };
            case "drop":
                return new Reply(0, "") { Drops = true };
            case "slow":
                await Task.Delay(fault.Delay, time, gone);
                return null;
            case "hang":
                await Task.Delay(Timeout.InfiniteTimeSpan, time, gone);
                return null;
            default:
                return null;
        }
    }

    public static Reply After(this Fault fault, Reply reply) => fault.Kind switch
    {
        "error_after" => Reply.Error(500, "api_error", "An ordered fault: it was done, but you are not told so.") with { ShouldRetry = fault.ShouldRetry },
        "drop_after" => reply with { Drops = true },
        _ => reply,
    };
}
