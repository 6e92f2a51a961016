using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing.Pages;

/// <summary>What a person enters to buy credits.</summary>
public sealed class BuyCreditsForm
{
    /// <summary>In dollars; offered ready-made.</summary>
    public static IReadOnlyList<int> Offers { get; } = [25, 50, 100, 250, 500];

    public string? Choice { get; set; } = "50";

    public string? Own { get; set; }

    /// <summary>What is to be bought: a typed amount takes the place of the chosen one. Null when it is none.</summary>
    internal Money? Amount => !string.IsNullOrWhiteSpace(Own) ? DollarText.Read(Own) : int.TryParse(Choice, out var offer) && Offers.Contains(offer) ? Money.Usd(offer * 100L) : null;
}
