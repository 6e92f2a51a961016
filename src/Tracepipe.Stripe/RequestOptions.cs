namespace Tracepipe.Stripe;

/// <summary>What goes with a write: its idempotency key, and limits that differ from the client's.</summary>
public sealed record RequestOptions
{
    /// <summary>
    /// Names this one action, at most 255 printable ASCII characters without personal data. Store it before the call:
    /// the same key with the same parameters is answered with the saved result for at least 24 hours.
    /// </summary>
    public required string IdempotencyKey { get; init; }

    /// <summary>Limit of one attempt; the client's own when null.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Attempts after the first; the client's own when null.</summary>
    public int? MaxRetries { get; init; }
}

/// <summary>Limits of a read or a deletion that differ from the client's.</summary>
public sealed record ReadOptions
{
    /// <summary>Limit of one attempt; the client's own when null.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Attempts after the first; the client's own when null.</summary>
    public int? MaxRetries { get; init; }
}
