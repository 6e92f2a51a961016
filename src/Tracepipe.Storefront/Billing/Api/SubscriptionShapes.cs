using System.ComponentModel.DataAnnotations;

namespace Tracepipe.Storefront.Billing;

// The shapes of the billing guide and of the billing rules, section 2. Requests are public because validation skips internal types.

/// <summary>The plan of an organization. −1 is unlimited.</summary>
/// <param name="Tier">Key in the catalogue.</param>
/// <param name="Status">active, trialing, past_due, canceled, paused or incomplete. A cancelled plan stays active until its period ends: see <paramref name="CancelAtPeriodEnd"/>.</param>
/// <param name="LifetimePurchaseAmount">Decimal dollars.</param>
/// <param name="ByoProvidersConfigured">Providers whose keys are stored; null unless the plan brings its own keys.</param>
internal sealed record SubscriptionResponse(string Id, string OrganizationId, string BillingAccountId, string Tier, string Status, DateTimeOffset? CurrentPeriodStart, DateTimeOffset? CurrentPeriodEnd,
    bool CancelAtPeriodEnd, DateTimeOffset? CanceledAt, DateTimeOffset? TrialStart, DateTimeOffset? TrialEnd, long WorkflowsLimit, long WorkflowsUsed, long WorkflowsRemaining, long AgentsLimit,
    long StorageLimitGb, decimal StorageUsedGb, bool IsLifetime, DateTimeOffset? LifetimePurchaseDate, decimal? LifetimePurchaseAmount, bool IsByo, IReadOnlyList<string>? ByoProvidersConfigured,
    DateTimeOffset? CreatedAt, DateTimeOffset? UpdatedAt)
{
    /// <summary>The plan with its use. Null: there is no plan, or it has ended.</summary>
    public static SubscriptionResponse? Of(SubscriptionOverview overview) => overview.Plan is { Id: { } id, Status: not PlanStatus.Canceled } plan ? Of(overview, plan, id) : null;

    private static SubscriptionResponse Of(SubscriptionOverview overview, PlanView plan, Guid id)
    {
        var limits = plan.Tier.Limits;
        // A plan that gives nothing (yet) has used nothing of itself.
        var isCounted = overview.Allowance.Pocket is "included";
        var used = isCounted ? overview.Workflows.Used : 0;
        return new SubscriptionResponse(id.ToString(), overview.Account.OrganizationId.ToString(), overview.Account.Id.ToString(), plan.Tier.Key, StatusOf(plan.Status), plan.PeriodStart, plan.PeriodEnd,
            plan.CancelAtPeriodEnd, plan.CanceledAt, plan.TrialStart, plan.TrialEnd, limits.Workflows, used, limits.Workflows < 0 ? -1 : isCounted ? overview.Workflows.Remaining : limits.Workflows, limits.Agents,
            limits.StorageGb, overview.StorageUsedGb, plan.IsLifetime, plan.LifetimePurchaseDate, plan.LifetimePurchaseAmount?.Amount, plan.IsByo, plan.IsByo ? [] : null, plan.CreatedAt, plan.UpdatedAt);
    }

    private static string StatusOf(PlanStatus status) => status switch
    {
        PlanStatus.Trialing => "trialing",
        PlanStatus.PastDue => "past_due",
        PlanStatus.Incomplete => "incomplete",
        PlanStatus.Paused => "paused",
        PlanStatus.Canceled or PlanStatus.Free => "canceled",
        _ => "active",
    };
}

/// <summary>What to subscribe to.</summary>
/// <param name="Tier">A monthly tier of the catalogue: starter, pro, team or byo.</param>
/// <param name="SuccessUrl">A path of this site, or an address on its host.</param>
/// <param name="CancelUrl">As <paramref name="SuccessUrl"/>.</param>
public sealed record SubscriptionCheckoutRequest([property: Required] string Tier, string? PromoCode = null, string? SuccessUrl = null, string? CancelUrl = null);

/// <summary>Credits to buy.</summary>
/// <param name="AmountUsd">Decimal dollars, 0.50 to 1000.00, at most two decimals.</param>
public sealed record CreditPurchaseRequest(decimal AmountUsd, string? SuccessUrl = null, string? CancelUrl = null);

/// <summary>The lifetime tier.</summary>
public sealed record LifetimePurchaseRequest(string? SuccessUrl = null, string? CancelUrl = null);

/// <summary>Stripe's page to go to.</summary>
/// <param name="CheckoutUrl">Open it in the buyer's browser.</param>
internal sealed record CheckoutResponse(string CheckoutUrl, string SessionId)
{
    public static CheckoutResponse Of(CheckoutStart start) => new(start.Url, start.SessionId);
}

/// <summary>Where to come back to from the portal.</summary>
public sealed record PortalRequest(string? ReturnUrl = null);

/// <summary>Stripe's portal.</summary>
/// <param name="PortalUrl">Open it at once: it soon ends.</param>
internal sealed record PortalResponse(string PortalUrl);

/// <summary>A tier to look at.</summary>
public sealed record ChangePreviewRequest([property: Required] string Tier);

/// <summary>What a change costs. Money is in decimal dollars.</summary>
/// <param name="Credit">For the unused time of the old plan.</param>
/// <param name="Charge">For the rest of the period on the new one.</param>
/// <param name="Net">What is charged at once.</param>
/// <param name="Effective">now or period_end.</param>
internal sealed record ChangePreviewResponse(string PreviewId, DateTimeOffset ExpiresAt, decimal Credit, decimal Charge, decimal Net, string Currency, string Effective, IReadOnlyList<ExceededResponse> Exceeds)
{
    public static ChangePreviewResponse Of(ChangePreview preview) => new(preview.Id.ToString(), preview.ExpiresAt, preview.Credit.Amount, preview.Charge.Amount, preview.Net.Amount, preview.Net.Currency,
        preview.EffectiveNow ? "now" : "period_end", [.. preview.Exceeds.Select(e => new ExceededResponse(e.Limit, e.Used, e.NewLimit))]);
}

/// <summary>A limit that current use exceeds.</summary>
/// <param name="Limit">workflows, agents or storage_gb.</param>
internal sealed record ExceededResponse(string Limit, decimal Used, long NewLimit);

/// <summary>The change that was previewed.</summary>
public sealed record ChangeRequest([property: Required] string Tier, Guid PreviewId);

/// <summary>No parameters.</summary>
public sealed record NoParameters;

/// <summary>What is used and what is left. −1 is unlimited; money is in decimal dollars.</summary>
/// <param name="Accrued">Metered use of this calendar month.</param>
/// <param name="HeldBack">Use beyond the spend cap: recorded, not charged.</param>
/// <param name="SpendCap">Null: no cap.</param>
/// <param name="CanExecute">Whether one more workflow could begin now.</param>
/// <param name="Reason">Why not: account_suspended, spend_cap_reached, no_payment_method, agents_limit or quota_exhausted.</param>
internal sealed record UsageSummaryResponse(string Tier, DateTimeOffset QuotaPeriodStart, DateTimeOffset QuotaPeriodEnd, long WorkflowsUsed, long WorkflowsLimit, long WorkflowsRemaining, long AgentsUsed,
    long AgentsLimit, long FreeWorkflowsRemaining, decimal CreditAvailable, decimal CreditHeld, decimal Accrued, decimal HeldBack, decimal? SpendCap, bool CanExecute, string? Reason)
{
    public static UsageSummaryResponse Of(UsageSummary summary)
    {
        var overview = summary.Overview;
        var allowance = overview.Allowance;
        return new UsageSummaryResponse(allowance.Tier.Key, allowance.Period.Start, allowance.Period.End, overview.Workflows.Used, overview.Workflows.Limit, overview.Workflows.Remaining, overview.Agents.Used,
            overview.Agents.Limit, overview.FreeWorkflowsRemaining, summary.Credits.Available.Amount, summary.Credits.Held.Amount, summary.Spend.Metered.Amount, summary.Spend.HeldBack.Amount, overview.Account.SpendCap?.Amount, summary.CanExecute, summary.Reason);
    }
}

/// <summary>Use to check.</summary>
/// <param name="Meter">workflow, tokens, storage or examples.</param>
public sealed record CheckExecutionRequest([property: Required] string Meter, decimal Quantity = 1);

/// <summary>Whether it could begin now; nothing is reserved.</summary>
internal sealed record CheckExecutionResponse(bool CanExecute, string? Reason);
