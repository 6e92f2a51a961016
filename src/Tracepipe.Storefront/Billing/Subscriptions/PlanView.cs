using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>How a plan stands, in the words of pages. Suspension is beside it: any of these may be suspended.</summary>
internal enum PlanStatus
{
    /// <summary>No plan: the free tier applies.</summary>
    Free,
    Trialing,
    Active,

    /// <summary>Cancelled, but paid for until <see cref="PlanView.EndsAt"/>.</summary>
    Canceling,

    /// <summary>The last payment failed; access goes on until <see cref="PlanView.GraceUntil"/>.</summary>
    PastDue,

    /// <summary>The first payment has not succeeded: it gives nothing yet.</summary>
    Incomplete,
    Paused,

    /// <summary>A plan was there and has ended: the free tier applies.</summary>
    Canceled,

    /// <summary>Bought once; its months need nobody's renewal.</summary>
    Lifetime,

    /// <summary>Enterprise, by contract.</summary>
    Contract,

    /// <summary>Given for a time, by a promo code or an operator.</summary>
    Granted,
}

/// <summary>A downgrade that waits for the period's end; it can be revoked until then.</summary>
internal sealed record ScheduledChange(Tier Tier, DateTimeOffset At);

/// <summary>What one plan of an organization is. Usually there is one; a lifetime bought beside a running plan makes two.</summary>
/// <param name="Price">Per month; what was paid for a lifetime.</param>
/// <param name="CancelAtPeriodEnd">It has been cancelled and ends at <paramref name="EndsAt"/>.</param>
internal sealed record PlanView(Guid? Id, PlanStatus Status, Tier Tier, int CatalogVersion, Money Price, PlanSource? Source, string? StripeSubscriptionId, DateTimeOffset? PeriodStart,
    DateTimeOffset? PeriodEnd, bool CancelAtPeriodEnd, DateTimeOffset? EndsAt, DateTimeOffset? CanceledAt, DateTimeOffset? EndedAt, DateTimeOffset? TrialStart, DateTimeOffset? TrialEnd,
    DateTimeOffset? GraceUntil, bool IsUnpaid, ScheduledChange? Next, DateTimeOffset? LifetimePurchaseDate, Money? LifetimePurchaseAmount, DateTimeOffset? CreatedAt, DateTimeOffset? UpdatedAt)
{
    public bool IsLifetime => Source is PlanSource.Lifetime;

    public bool IsByo => Tier.BringsOwnKeys;

    /// <summary>It gives its limits (as long as the account is not suspended).</summary>
    public bool GivesAccess => !IsUnpaid && Status is PlanStatus.Trialing or PlanStatus.Active or PlanStatus.Canceling or PlanStatus.PastDue or PlanStatus.Lifetime or PlanStatus.Contract or PlanStatus.Granted;

    /// <summary>Stripe renews and bills it, so it can be changed and cancelled here.</summary>
    public bool IsSubscription => Source is PlanSource.Stripe && Status is PlanStatus.Trialing or PlanStatus.Active or PlanStatus.Canceling or PlanStatus.PastDue or PlanStatus.Paused;

    public bool CanCancel => IsSubscription && Status is not PlanStatus.Canceling;

    public bool CanReactivate => Status is PlanStatus.Canceling && Source is PlanSource.Stripe;

    /// <summary>One that ends or owes is put in order first.</summary>
    public bool CanChange => Source is PlanSource.Stripe && Status is PlanStatus.Trialing or PlanStatus.Active;
}

/// <summary>A meter of the running quota period. −1 is unlimited.</summary>
/// <param name="Held">Reserved by work under way; counts against the limit.</param>
internal sealed record MeterView(long Used, long Held, long Limit)
{
    public bool IsUnlimited => Limit < 0;

    public long Remaining => IsUnlimited ? -1 : Math.Max(0, Limit - Used - Held);

    /// <summary>How full it is, 0 to 100; 0 when unlimited.</summary>
    public int Percent => IsUnlimited ? 0 : Limit == 0 ? 100 : (int)Math.Min(100, (Used + Held) * 100 / Limit);
}

/// <summary>Everything that pages say about an organization's plan, read in one round trip and without Stripe.</summary>
/// <param name="Plan">The plan that pages show: the one that gives the limits, else the last one, else Free.</param>
/// <param name="Subscription">The subscription at Stripe when another plan (a lifetime) is shown instead; else null.</param>
/// <param name="Allowance">The limits that hold now and their quota period: the Free tier's without a live plan.</param>
/// <param name="IsSuspended">No work is taken on until what is owed has been paid.</param>
/// <param name="UnpaidInvoice">Our id of the newest plan invoice that waits for payment.</param>
/// <param name="HasOpenCheckout">Somebody may be paying right now.</param>
internal sealed record SubscriptionOverview(PlanView Plan, PlanView? Subscription, Allowance Allowance, bool IsSuspended, Guid? UnpaidInvoice, MeterView Workflows, MeterView Agents, long StorageLimitGb,
    decimal StorageUsedGb, long FreeWorkflowsRemaining, DateTimeOffset FreeUntil, bool HasOpenCheckout, BillingAccount Account);

/// <summary>What a change of plan comes to. Money is exact and confirmed as shown.</summary>
/// <param name="Credit">For the unused time of the old plan, positive.</param>
/// <param name="Charge">For the rest of the period on the new plan.</param>
/// <param name="Net">What is charged at once; zero for a change at the period's end.</param>
/// <param name="EffectiveNow">Else at <paramref name="EffectiveAt"/>, the period's end.</param>
/// <param name="Exceeds">What is used beyond the new limits.</param>
internal sealed record ChangePreview(Guid Id, DateTimeOffset ExpiresAt, Tier From, Tier To, Money Credit, Money Charge, Money Net, bool EffectiveNow, DateTimeOffset EffectiveAt, IReadOnlyList<Exceeded> Exceeds);

/// <summary>A limit of the new plan that current use exceeds.</summary>
/// <param name="Limit"><c>workflows</c>, <c>agents</c> or <c>storage_gb</c>.</param>
internal sealed record Exceeded(string Limit, decimal Used, long NewLimit);

/// <summary>Stripe's page to go to.</summary>
internal sealed record CheckoutStart(string Url, string SessionId);

/// <summary>Seats of the lifetime tier.</summary>
internal sealed record SeatsLeft(long Total, long Left)
{
    public bool IsSoldOut => Left <= 0;
}

/// <summary>What came of a purchase.</summary>
internal enum PurchaseState
{
    /// <summary>Stripe has not told us that it was paid (yet).</summary>
    Waiting,

    /// <summary>Paid and given.</summary>
    Done,

    /// <summary>Paid, but it could not be given: the money goes back. <see cref="Purchase.RefundReason"/> says why.</summary>
    Refunded,

    /// <summary>The page was closed or replaced; nothing was paid.</summary>
    Abandoned,
}

/// <summary>What a checkout session was about, for the page that the buyer comes back to. Known before Stripe has told us anything.</summary>
/// <param name="Kind"><c>subscription</c>, <c>lifetime</c> or <c>credits</c>.</param>
/// <param name="Tier">Null for credits.</param>
/// <param name="Amount">The price before discounts.</param>
/// <param name="Paid">What was charged; null until paid.</param>
/// <param name="RefundReason"><c>sold_out</c>, <c>already_owned</c> or <c>duplicate</c>.</param>
internal sealed record Purchase(Guid Id, string Kind, Tier? Tier, Money Amount, Money? Paid, PurchaseState State, string? RefundReason, int TrialDays, DateTimeOffset CreatedAt);
