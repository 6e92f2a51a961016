using System.Text.Json.Serialization;

namespace Tracepipe.Stripe;

/// <summary>Something Stripe keeps under an id.</summary>
public abstract record StripeObject
{
    public required string Id { get; init; }

    /// <summary>Type and id only: several objects carry client secrets, and whatever prints itself ends in a log.</summary>
    public sealed override string ToString() => $"{GetType().Name} {Id}";
}

/// <summary>What a deletion answers.</summary>
public sealed record DeletedObject : StripeObject
{
    public required bool Deleted { get; init; }
}

/// <summary>One page of a list, newest first unless the list says otherwise.</summary>
public sealed record StripeList<T>
{
    public required IReadOnlyList<T> Data { get; init; }

    public required bool HasMore { get; init; }
}

/// <summary>A reference to an object: its id, and the object itself where the call asked to expand it.</summary>
[JsonConverter(typeof(RefConverterFactory))]
public sealed record Ref<T>(string Id, T? Value = null) where T : StripeObject
{
    /// <summary>It was expanded, and found to be deleted: nothing but its id is left.</summary>
    public bool Deleted { get; init; }

    public override string ToString() => Id;
}

/// <summary>Part of an object that holds personal data or a secret, and therefore prints its kind alone.</summary>
public abstract record Confidential
{
    public sealed override string ToString() => GetType().Name;
}

/// <summary>A postal address.</summary>
public sealed record Address : Confidential
{
    public required string? Line1 { get; init; }

    public required string? Line2 { get; init; }

    public required string? City { get; init; }

    public required string? State { get; init; }

    public required string? PostalCode { get; init; }

    /// <summary>Two letters, ISO 3166-1.</summary>
    public required string? Country { get; init; }
}
