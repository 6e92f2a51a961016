using Tracepipe.Storefront.Organizations;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// The plan of an organization: read, buy, change, cancel. Reading never asks Stripe. Whatever moves money is planned here first, then sent while the
/// person waits; an answer that was lost is found out by a worker.
/// </summary>
internal sealed class Subscriptions
{
    /// <summary>Everything pages say about the plan.</summary>
    public Task<SubscriptionOverview> GetAsync(Guid organization, Guid? person, CancellationToken cancel) => throw new NotImplementedException();

    /// <summary>Opens Stripe's page to subscribe to a monthly tier. 409 when a subscription is live: change it instead.</summary>
    /// <param name="successUrl">A path of ours, or an address on the configured host; null: <c>/o/{org}/billing/success</c>.</param>
    public Task<Tried<CheckoutStart>> CheckoutAsync(Guid organization, string tier, string? promoCode, string? successUrl, string? cancelUrl, Actor by, CancellationToken cancel) => throw new NotImplementedException();

    /// <summary>Opens Stripe's page to buy the lifetime tier. The seat is given when paid; who pays too late gets the money back.</summary>
    public Task<Tried<CheckoutStart>> LifetimeCheckoutAsync(Guid organization, string? successUrl, string? cancelUrl, Actor by, CancellationToken cancel) => throw new NotImplementedException();

    /// <summary>Opens Stripe's page to buy credits of 0.50 to 1000.00 dollars.</summary>
    public Task<Tried<CheckoutStart>> CreditsCheckoutAsync(Guid organization, decimal dollars, string? successUrl, string? cancelUrl, Actor by, CancellationToken cancel) => throw new NotImplementedException();

    /// <summary>What a checkout session was about; null when this organization has no such session. Never asks Stripe.</summary>
    public Task<Purchase?> BoughtAsync(Guid organization, string sessionId, CancellationToken cancel) => throw new NotImplementedException();

    /// <summary>What changing to another monthly tier costs, asked of Stripe and kept for 15 minutes.</summary>
    public Task<Tried<ChangePreview>> PreviewAsync(Guid organization, string tier, CancellationToken cancel) => throw new NotImplementedException();

    /// <summary>Makes the change that was previewed: an upgrade is charged first, then given; a downgrade waits for the period's end.</summary>
    public Task<Tried<PlanView>> ChangeAsync(Guid organization, string tier, Guid preview, Actor by, CancellationToken cancel) => throw new NotImplementedException();

    /// <summary>Takes a scheduled downgrade back.</summary>
    public Task<Tried<PlanView>> RevokeChangeAsync(Guid organization, Actor by, CancellationToken cancel) => throw new NotImplementedException();

    /// <summary>Ends the subscription with its period.</summary>
    public Task<Tried<PlanView>> CancelAsync(Guid organization, Actor by, CancellationToken cancel) => throw new NotImplementedException();

    /// <summary>Takes a pending cancellation back.</summary>
    public Task<Tried<PlanView>> ReactivateAsync(Guid organization, Actor by, CancellationToken cancel) => throw new NotImplementedException();

    /// <summary>The address of a fresh visit to Stripe's portal: redirect at once, never store.</summary>
    public Task<Tried<Uri>> PortalAsync(Guid organization, string? returnUrl, Actor by, CancellationToken cancel) => throw new NotImplementedException();

    /// <summary>Seats of the lifetime tier; null when none is sold. For everybody.</summary>
    public Task<SeatsLeft?> SeatsAsync(CancellationToken cancel) => throw new NotImplementedException();
}
