using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing.Pages;

/// <summary>What a person enters about the spend cap.</summary>
public sealed class SpendCapForm
{
    public string? Amount { get; set; }

    public bool NoCap { get; set; }

    internal static SpendCapForm Of(Money? cap) => new() { Amount = cap is { } money ? DollarText.Write(money) : null, NoCap = cap is null };
}
