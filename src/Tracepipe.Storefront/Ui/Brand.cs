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
}

/// <summary>What an account includes for nothing, as the pages around registration say it.</summary>
public sealed record FreeOffer(string Workflows, string Tokens, string Storage);

/// <summary>Says the free offer; registered by a module that knows the catalogue, null without one.</summary>
public delegate FreeOffer? FreeOfferSource();
