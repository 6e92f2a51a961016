namespace Tracepipe.Storefront.Keys;

/// <summary>Settings under <c>Keys</c>.</summary>
internal sealed class KeysOptions
{
    /// <summary>A key needs a card on file first. Off: the free tier gives keys too. Billing answers the question when a key is wanted.</summary>
    public bool RequirePaymentMethod { get; init; }

    /// <summary>Request limits for everybody instead of those of the plans: for measurements.</summary>
    public KeyLimits? Limits { get; init; }
}
