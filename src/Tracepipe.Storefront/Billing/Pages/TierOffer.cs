using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Billing.Pages;

/// <summary>What somebody can do about a tier.</summary>
internal enum TierAction
{
    /// <summary>Nothing: <see cref="TierOffer.Note"/> says why.</summary>
    None,

    /// <summary>Stripe's page for a first subscription.</summary>
    Subscribe,

    /// <summary>The preview of a change.</summary>
    Change,

    /// <summary>Back to Free is a cancellation.</summary>
    Cancel,

    /// <summary>Takes a scheduled change to it back.</summary>
    Revoke,

    /// <summary>Stripe's page for the one payment.</summary>
    BuyOnce,

    Contact,
}

/// <summary>A tier as a card of the plans page, for an organization that stands as it does.</summary>
public sealed record TierOffer
{
    private static readonly string[] Order = ["free", "starter", "pro", "team", "lifetime", "byo", "enterprise"];

    internal Tier Tier { get; private init; } = default!;

    /// <summary>Its limits hold now.</summary>
    internal bool IsCurrent { get; private init; }

    internal TierAction Action { get; private init; }

    /// <summary>The button's word.</summary>
    internal string? Button { get; private init; }

    /// <summary>The button's accessible name.</summary>
    internal string? Name { get; private init; }

    /// <summary>What stands there instead of a button.</summary>
    internal string? Note { get; private init; }

    /// <summary>The one that the page leads to.</summary>
    internal bool IsPrimary { get; private init; }

    /// <summary>All tiers in the order of the page.</summary>
    internal static IReadOnlyList<TierOffer> Of(BillingView view)
    {
        var offers = view.Prices.Listed.OrderBy(t => Array.IndexOf(Order, t.Key) is >= 0 and var at ? at : int.MaxValue).Select(t => Of(t, view)).ToList();
        var now = view.Running?.Tier.PriceCents ?? view.Prices.TryTier("starter")?.PriceCents ?? 0;
        var next = offers.Where(o => o is { Action: TierAction.Subscribe or TierAction.Change, Tier: { Sold: Sold.Monthly, BringsOwnKeys: false } } && o.Tier.PriceCents > now).MinBy(o => o.Tier.PriceCents);
        return [.. offers.Select(o => o == next ? o with { IsPrimary = true } : o)];
    }

    private static TierOffer Of(Tier tier, BillingView view)
    {
        var (plan, running) = (view.Plans.Plan, view.Running);
        var isContract = plan.Status is PlanStatus.Contract;
        var isCurrent = string.Equals(tier.Key, view.Plans.Allowance.Tier.Key, StringComparison.Ordinal);
        TierOffer Says(string? note) => new() { Tier = tier, IsCurrent = isCurrent, Note = note };
        TierOffer Offers(TierAction action, string button, string? name = null) => new() { Tier = tier, IsCurrent = isCurrent, Action = action, Button = button, Name = name ?? $"{button} {tier.Name}" };

        switch (tier.Sold)
        {
            case Sold.Contract:
                return isCurrent ? Says(PlanWords.Next(plan)) : Offers(TierAction.Contact, "Contact us", "Contact us");
            case Sold.Once:
                if (plan.IsLifetime && plan.Status is PlanStatus.Lifetime) return Says(PlanWords.Next(plan));
                if (isContract) return Says("Your contract includes more");
                return view.Seats is { IsSoldOut: true } ? Says("All seats are sold") : Offers(TierAction.BuyOnce, "Buy lifetime", $"Buy {tier.Name}");
            case Sold.Free:
                if (running is { CanCancel: true }) return Offers(TierAction.Cancel, "Downgrade", $"Downgrade to {tier.Name}");
                return running is { Status: PlanStatus.Canceling, EndsAt: { } end } && plan == running ? Says($"Applies from {Words.Day(end)}") : Says(isCurrent ? "What you have now" : null);
            case Sold.Monthly when isContract:
                return Says("Your contract includes more");
            case Sold.Monthly when running is null:
                return plan.Status is PlanStatus.Granted && isCurrent ? Says(PlanWords.Next(plan)) : Offers(TierAction.Subscribe, "Choose");
            case Sold.Monthly when string.Equals(running.Tier.Key, tier.Key, StringComparison.Ordinal):
                return running.Next is null ? Says(PlanWords.Next(running)) : Offers(TierAction.Revoke, $"Keep {tier.Name}", $"Keep {tier.Name}");
            case Sold.Monthly when running.Next is { } next && string.Equals(next.Tier.Key, tier.Key, StringComparison.Ordinal):
                return Says($"From {Words.Day(next.At)}");
            case Sold.Monthly when running.CanChange:
                var word = tier.BringsOwnKeys || running.Tier.BringsOwnKeys ? "Switch" : tier.PriceCents > running.Tier.PriceCents ? "Upgrade" : "Downgrade";
                return Offers(TierAction.Change, word, $"{word} to {tier.Name}");
            case Sold.Monthly:
                return Says(running.Status is PlanStatus.Canceling ? $"Reactivate {running.Tier.Name} first" : "Pay the open invoice first");
            default:
                return Says(null);
        }
    }
}
