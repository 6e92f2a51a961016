using System.Globalization;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>What a promo code takes off a first subscription. Codes and their coupons are made at Stripe.</summary>
/// <param name="Percent">Of the price; null when an amount is taken off.</param>
/// <param name="Duration">Stripe's word: <c>once</c>, <c>repeating</c>, <c>forever</c>.</param>
public sealed record PromotionOffer(string Code, decimal? Percent, Money? Amount, string Duration, int? Months)
{
    /// <summary>For people: <c>20% off the first payment</c>.</summary>
    public string Words
    {
        get
        {
            var off = Percent is { } percent ? $"{percent.ToString("0.##", CultureInfo.InvariantCulture)}% off" : $"{Amount} off";
            return Duration switch
            {
                "forever" => $"{off} every payment",
                "repeating" => $"{off} for {Months} {(Months == 1 ? "month" : "months")}",
                _ => $"{off} the first payment",
            };
        }
    }
}
