using System.Globalization;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing.Pages;

/// <summary>Dollars as people type them into a form: <c>50</c>, <c>$1,250.50</c>. Never rounded.</summary>
internal static class DollarText
{
    public const string Rule = "Write an amount in dollars with at most two decimals, such as 50 or 49.99.";

    /// <summary>Null when it is no amount, or has more than two decimals.</summary>
    public static Money? Read(string? typed)
    {
        var text = typed?.Trim() ?? "";
        if (text.StartsWith('$')) text = text[1..].TrimStart();
        return decimal.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowThousands, CultureInfo.InvariantCulture, out var dollars) && Money.TryExact(dollars, out var exact) ? exact : null;
    }

    /// <summary>As a form shows it again: <c>50.00</c>.</summary>
    public static string Write(Money money) => money.Amount.ToString("0.00", CultureInfo.InvariantCulture);
}
