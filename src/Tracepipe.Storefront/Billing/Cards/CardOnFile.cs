using Npgsql;

namespace Tracepipe.Storefront.Billing;

/// <summary>What an organization can pay with, as far as it may be shown. The number is only ever Stripe's.</summary>
/// <param name="Id">Stripe's <c>pm_…</c>.</param>
/// <param name="Type"><c>card</c>, <c>link</c>, …</param>
/// <param name="Brand"><c>visa</c>, <c>mastercard</c>, …; null when it is no card.</param>
/// <param name="AttachedAt">When Stripe made it, UTC.</param>
internal sealed record CardOnFile(string Id, string Type, string? Brand, string? Last4, int? ExpMonth, int? ExpYear, bool IsDefault, DateTimeOffset AttachedAt, DateTimeOffset? DetachedAt)
{
    /// <summary>As people know it: <c>Visa</c>, <c>American Express</c>, <c>Link</c>.</summary>
    public string Name => Type switch
    {
        "card" => Brand switch
        {
            "visa" => "Visa",
            "mastercard" => "Mastercard",
            "amex" => "American Express",
            "discover" => "Discover",
            "diners" => "Diners Club",
            "jcb" => "JCB",
            "unionpay" => "UnionPay",
            "cartes_bancaires" => "Cartes Bancaires",
            "eftpos_au" => "eftpos",
            _ => "Card",
        },
        "link" => "Link",
        _ => Sentence(Type),
    };

    /// <summary><c>08/2028</c>; null when it has no expiry.</summary>
    public string? Expiry => ExpMonth is { } month && ExpYear is { } year ? $"{month:00}/{year:0000}" : null;

    /// <summary>A card is good until its month has ended.</summary>
    public bool IsExpired(DateTimeOffset now) => ExpMonth is { } month && ExpYear is { } year && (now.Year, now.Month).CompareTo((year, month)) > 0;

    /// <summary>Its name in a sentence, also read aloud: <c>Visa ending in 4242</c>.</summary>
    public string Spoken => Last4 is null ? Name : $"{Name} ending in {Last4}";

    internal static FormattableString SelectAll(Guid organization) => $"""
        select id, type, brand, last4, exp_month, exp_year, is_default, attached_at, detached_at from payment_methods
        where organization_id = {organization} and detached_at is null order by is_default desc, attached_at desc, id
        """;

    internal static CardOnFile Read(NpgsqlDataReader r) => new(r.GetString(0), r.GetString(1), r.IsDBNull(2) ? null : r.GetString(2), r.IsDBNull(3) ? null : r.GetString(3),
        r.IsDBNull(4) ? null : r.GetInt32(4), r.IsDBNull(5) ? null : r.GetInt32(5), r.GetBoolean(6), r.GetFieldValue<DateTimeOffset>(7), r.IsDBNull(8) ? null : r.GetFieldValue<DateTimeOffset>(8));

    private static string Sentence(string type)
    {
        var words = type.Replace('_', ' ');
        return words.Length == 0 ? "Payment method" : char.ToUpperInvariant(words[0]) + words[1..];
    }
}
