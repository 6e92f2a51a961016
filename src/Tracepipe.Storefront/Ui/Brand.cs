using System.ComponentModel.DataAnnotations;

namespace Tracepipe.Storefront.Ui;

/// <summary>Whose storefront this is: configuration section <c>Brand</c>.</summary>
public sealed class Brand
{
    [Required, StringLength(40)]
    public string Name { get; init; } = "Tracepipe";

    /// <summary>Where “Contact us” leads.</summary>
    [Required, EmailAddress]
    public string ContactEmail { get; init; } = "hello@tracepipe.local";

    /// <summary>Who sends the invoices: name in law and address, lines separated by semicolons. Empty: the name alone.</summary>
    [StringLength(400)]
    public string Address { get; init; } = "";

    /// <summary>The seller's tax id, as it is to stand on invoices.</summary>
    [StringLength(60)]
    public string TaxId { get; init; } = "";

    /// <summary>The seller as lines of an invoice.</summary>
    public IReadOnlyList<string> Lines =>
        [.. (Address.Length == 0 ? Name : Address).Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries), .. TaxId.Length == 0 ? [] : new[] { $"Tax id {TaxId}" }, ContactEmail];
}

/// <summary>What an account includes for nothing, as the pages around registration say it.</summary>
public sealed record FreeOffer(string Workflows, string Tokens, string Storage);

/// <summary>Says the free offer; registered by a module that knows the catalogue, null without one.</summary>
public delegate FreeOffer? FreeOfferSource();
