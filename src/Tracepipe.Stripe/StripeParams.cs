using System.Text.Json.Serialization;

namespace Tracepipe.Stripe;

/// <summary>
/// Parameters of one call. A null member is not sent; an empty string clears the value at Stripe; a metadata entry with an empty value is removed.
/// </summary>
public abstract record StripeParams
{
    /// <summary>References to answer as whole objects, such as <c>latest_invoice.confirmation_secret</c>; on lists <c>data.…</c>. Four levels at most.</summary>
    public IReadOnlyList<string>? Expand { get; init; }

    /// <summary>The kind only: parameters hold names and addresses, and whatever prints itself ends in a log.</summary>
    public sealed override string ToString() => GetType().Name;
}

/// <summary>Parameters of a list.</summary>
public abstract record ListParams : StripeParams
{
    /// <summary>Size of a page, 1 to 100. Stripe's default is 10.</summary>
    public int? Limit { get; init; }

    /// <summary>The page after this id, that is, older objects.</summary>
    public string? StartingAfter { get; init; }

    /// <summary>The page before this id, that is, newer objects.</summary>
    public string? EndingBefore { get; init; }
}

/// <summary>Bounds on a time, each optional.</summary>
public sealed record TimeRange
{
    public DateTimeOffset? Gt { get; init; }

    public DateTimeOffset? Gte { get; init; }

    public DateTimeOffset? Lt { get; init; }

    public DateTimeOffset? Lte { get; init; }
}

/// <summary>A parameter that is no text and can be cleared: a value, or nothing at all (sent as an empty string).</summary>
[JsonConverter(typeof(ClearableConverterFactory))]
public sealed record Clearable<T>
{
    private Clearable(T? value, bool hasValue) => (Value, HasValue) = (value, hasValue);

    /// <summary>Removes the value at Stripe.</summary>
    public static Clearable<T> Cleared { get; } = new(default, hasValue: false);

    public T? Value { get; }

    public bool HasValue { get; }

    public static implicit operator Clearable<T>(T value) => new(value, hasValue: true);
}

internal sealed record ExpandParams : StripeParams;
