using System.Globalization;

namespace Tracepipe.StripeSandbox.Pages;

/// <summary>How codes, amounts and moments are written for people.</summary>
internal static class Words
{
    public static string Brand(string brand) => brand switch
    {
        "amex" => "American Express",
        "diners" => "Diners Club",
        "jcb" => "JCB",
        "unionpay" => "UnionPay",
        "" => "Card",
        _ => char.ToUpperInvariant(brand[0]) + brand[1..],
    };

    /// <param name="cents">In the currency's smallest unit.</param>
    public static string Money(long cents, string currency = "usd")
    {
        var digits = currency is "jpy" or "krw" ? 0 : 2;
        var amount = (Math.Abs(cents) / (decimal)Math.Pow(10, digits)).ToString("N" + digits, CultureInfo.InvariantCulture);
        var sign = cents < 0 ? "−" : "";
        return currency == "usd" ? $"{sign}${amount}" : $"{sign}{amount} {currency.ToUpperInvariant()}";
    }

    public static string Date(DateTimeOffset at) => at.ToString("MMM d, yyyy", CultureInfo.InvariantCulture);

    public static string Moment(DateTimeOffset at) => at.ToString("MMM d, yyyy, HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>"setup_intent" as "Setup intent".</summary>
    public static string Kind(string name)
    {
        var words = name.Replace("test_helpers.", "", StringComparison.Ordinal).Replace("billing_portal.", "portal ", StringComparison.Ordinal).Replace('.', ' ').Replace('_', ' ');
        return words.Length == 0 ? "" : char.ToUpperInvariant(words[0]) + words[1..];
    }

    public static string Span(TimeSpan span) => span.TotalDays >= 1 ? $"{(int)span.TotalDays} d {span.Hours} h" : $"{span.Hours} h {span.Minutes} min";

    /// <summary>"per month", "every 3 months".</summary>
    public static string Every(string unit, int count) => count == 1 ? $"per {unit}" : $"every {count} {unit}s";

    internal static string Every(Core.Interval interval) => Every(interval.Unit, interval.Count);
}
