namespace Tracepipe.Stripe;

/// <summary>Where Stripe is, who calls it, and how patient the caller is.</summary>
public sealed class StripeOptions
{
    /// <summary>The release our records are written for. Events of another release name are not read as ours.</summary>
    public const string DefaultApiVersion = "2026-07-29.dahlia";

    /// <summary>Secret or restricted key (<c>sk_…</c>, <c>rk_…</c>). Never logged.</summary>
    public required string ApiKey { get; init; }

    /// <summary>Scheme, host and port; paths start at <c>/v1</c> below it.</summary>
    public Uri ApiBase { get; init; } = new("https://api.stripe.com");

    /// <summary>Sent as <c>Stripe-Version</c> with every call.</summary>
    public string ApiVersion { get; init; } = DefaultApiVersion;

    /// <summary>How many times a call is sent again after the first attempt.</summary>
    public int MaxRetries { get; init; } = 2;

    /// <summary>Limit of one attempt, not of the whole call.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(80);

    /// <summary>Whether the key moves real money. An event whose <c>livemode</c> differs belongs to the other mode.</summary>
    public bool IsLive => ApiKey.StartsWith("sk_live_", StringComparison.Ordinal) || ApiKey.StartsWith("rk_live_", StringComparison.Ordinal);
}
