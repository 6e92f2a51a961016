using System.Globalization;

namespace Tracepipe.Storefront.Platform;

/// <summary>
/// Charged money: a whole number of minor units (cents) and a currency. Never a binary float. Unit prices and LLM costs, which have fractions of a
/// cent, are decimals and become <see cref="Money"/> once, by <see cref="Round"/>.
/// </summary>
/// <param name="Minor">Minor units: cents for USD. May be negative.</param>
/// <param name="Currency">ISO 4217, upper case.</param>
public readonly record struct Money(long Minor, string Currency) : IComparable<Money>
{
    public static Money Usd(long cents) => new(cents, "USD");

    public static Money Zero => Usd(0);

    /// <summary>Decimal dollars as the billing guide's JSON shows them: 1999 cents → 19.99.</summary>
    public decimal Amount => Minor / 100m;

    /// <summary>Rounds an exact amount in dollars to cents, half to even (billing rules, section 0).</summary>
    /// <exception cref="OverflowException">The amount does not fit into 64 bits of cents.</exception>
    public static Money Round(decimal dollars) => Usd(checked((long)Math.Round(dollars * 100m, 0, MidpointRounding.ToEven)));

    /// <summary>Takes decimal dollars from a request. More than two decimals are refused instead of rounded.</summary>
    public static bool TryExact(decimal dollars, out Money money)
    {
        money = Zero;
        if (dollars is > 90_000_000_000_000m or < -90_000_000_000_000m) return false;
        var cents = dollars * 100m;
        if (cents != decimal.Truncate(cents)) return false;
        money = Usd((long)cents);
        return true;
    }

    public static Money operator +(Money left, Money right) => new(checked(left.Minor + right.Minor), Same(left, right));

    public static Money operator -(Money left, Money right) => new(checked(left.Minor - right.Minor), Same(left, right));

    public static Money operator -(Money money) => new(checked(-money.Minor), money.Currency);

    public static bool operator <(Money left, Money right) => left.CompareTo(right) < 0;

    public static bool operator >(Money left, Money right) => left.CompareTo(right) > 0;

    public static bool operator <=(Money left, Money right) => left.CompareTo(right) <= 0;

    public static bool operator >=(Money left, Money right) => left.CompareTo(right) >= 0;

    /// <inheritdoc/>
    public int CompareTo(Money other)
    {
        _ = Same(this, other);
        return Minor.CompareTo(other.Minor);
    }

    /// <summary>As people read it: <c>$1,284.50</c>, <c>−$20.00</c>; other currencies carry their code after the amount.</summary>
    public override string ToString()
    {
        var digits = Math.Abs((decimal)Minor / 100m).ToString("#,##0.00", CultureInfo.InvariantCulture);
        var sign = Minor < 0 ? "−" : "";
        return string.Equals(Currency, "USD", StringComparison.Ordinal) ? $"{sign}${digits}" : $"{sign}{digits} {Currency}";
    }

    private static string Same(Money left, Money right) => string.Equals(left.Currency, right.Currency, StringComparison.Ordinal)
        ? left.Currency
        : throw new InvalidOperationException($"{left.Currency} and {right.Currency} do not add up.");
}
