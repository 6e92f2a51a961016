using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>Why use is refused, in the words that a person reads (reasons and their order: billing rules, decision 18).</summary>
internal static class Refusals
{
    public static Problem Suspended { get; } = Problem.PaymentRequired("account_suspended",
        "The account is suspended because an invoice could not be paid. Update the card or pay the invoice under Billing; work resumes at once.");

    /// <summary>Something was used that nobody has paid for yet.</summary>
    public static Problem HeldBack(Spend spend) => spend.CardPays
        ? Problem.PaymentRequired("spend_cap_reached", $"Use worth {spend.HeldBack} is held back, because the spend cap of {spend.Cap} for this month was reached. Raise the cap under Billing, or pay it now; work resumes at once.")
        : Problem.PaymentRequired("no_payment_method", $"Use worth {spend.HeldBack} is not paid and no card pays for it. Add a card under Billing and switch automatic billing on, or buy credits; work resumes once it is paid.");

    public static Problem SpendCapReached(Spend spend, Money price) => Problem.PaymentRequired("spend_cap_reached",
        $"{price} more would pass the spend cap of {spend.Cap} for this month: {spend.Metered + spend.Held} of it is used or held. Raise the cap under Billing, buy credits, or upgrade the plan.");

    public static Problem AgentsLimit(Tier tier, long open) => Problem.TooMany(
        $"{open} of {tier.Limits.Agents} agents of the {tier.Name} plan are running. Wait for one to finish, or upgrade.", 5, "agents_limit");

    public static Problem QuotaExhausted(Allowance allowance, string meter, long limit, long wanted) => Problem.PaymentRequired("quota_exhausted",
        $"{(wanted > 1 ? $"{wanted} units do not fit: the {allowance.Tier.Name} plan includes {limit} {meter}s" : $"All {limit} {meter}s of the {allowance.Tier.Name} plan are used or held")} until {allowance.Period.End:MMM d, yyyy HH:mm} UTC. Upgrade the plan, buy credits, let a card pay, or wait.");

    public static Problem StorageExhausted(Allowance allowance, string stored, string wanted) => Problem.PaymentRequired("quota_exhausted",
        $"The {allowance.Tier.Name} plan includes {allowance.Tier.Limits.StorageGb} GB of storage; {stored} are stored and {wanted} do not fit. Delete sessions, upgrade the plan, buy credits, or let a card pay.");

    public static Problem StorageBeyondCap(Spend spend, Money price) => Problem.PaymentRequired("spend_cap_reached",
        $"Keeping this until the end of the month would bring what storage still costs to {price} and pass the spend cap of {spend.Cap}: {spend.Metered + spend.Held} of it is used or held. Delete sessions, raise the cap under Billing, or upgrade the plan.");
}
