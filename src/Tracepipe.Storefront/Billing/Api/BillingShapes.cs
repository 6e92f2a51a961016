namespace Tracepipe.Storefront.Billing;

// The shapes of the billing guide, member by member. Requests are public because validation skips internal types.

/// <summary>What a browser needs to load Stripe.js.</summary>
/// <param name="PublishableKey">For the browser; null when payments are switched off.</param>
internal sealed record StripeConfigResponse(string? PublishableKey, bool IsConfigured);

/// <summary>Who pays for an organization. Money is in decimal dollars.</summary>
/// <param name="Status">pending (no card yet), active, suspended or canceled.</param>
/// <param name="FreeWorkflowsRemaining">Of the free allowance of this calendar month (UTC).</param>
internal sealed record BillingAccountResponse(string Id, string OrganizationId, string? StripeCustomerId, bool HasPaymentMethod, string Status, long FreeWorkflowsRemaining,
    DateTimeOffset? FreeWorkflowsResetAt, decimal CreditBalance, bool AutoBillingEnabled, string? BillingEmail, bool TaxExempt, long TotalWorkflowsCompleted, decimal TotalAmountSpent,
    DateTimeOffset? CreatedAt, DateTimeOffset? UpdatedAt);

/// <summary>What an organization can pay with.</summary>
/// <param name="Id">Stripe's id, <c>pm_…</c>.</param>
/// <param name="Type">card, link, …</param>
/// <param name="CardBrand">Null when it is no card.</param>
internal sealed record PaymentMethodResponse(string Id, string Type, string? CardBrand, string? CardLast4, bool IsDefault)
{
    public static PaymentMethodResponse Of(CardOnFile card) => new(card.Id, card.Type, card.Brand, card.Last4, card.IsDefault);
}

/// <summary>A payment method from Stripe.js to put on file.</summary>
/// <param name="PaymentMethodId"><c>pm_…</c>: one that is free, or already this organization's.</param>
/// <param name="SetAsDefault">Whether it pays from now on; the first one always does.</param>
public sealed record PaymentMethodRequest(string PaymentMethodId, bool SetAsDefault = false);

/// <summary>Another expiry of a card on file.</summary>
/// <param name="ExpMonth">1 to 12.</param>
/// <param name="ExpYear">Four digits.</param>
public sealed record ExpiryChangeRequest(int ExpMonth, int ExpYear);

/// <summary>Whether cards on file pay for use.</summary>
public sealed record AutoBillingRequest(bool Enabled);

/// <summary>No parameters.</summary>
public sealed record SetupIntentRequest;

/// <summary>What Stripe.js needs to collect a card.</summary>
/// <param name="ClientSecret">For this form alone.</param>
internal sealed record SetupIntentResponse(string ClientSecret, string SetupIntentId);
