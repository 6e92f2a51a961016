using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>Why use is refused, in the words that a person reads (reasons and their order: billing rules, decision 18).</summary>
internal static class Refusals
{
    public static Problem Suspended { get; } = Problem.PaymentRequired("account_suspended",
        "The account is suspended because an invoice could not be paid. Update the card or pay the invoice under Billing; work resumes at once.");

    public static Problem AgentsLimit(Tier tier, long open) => Problem.TooMany(
        $"{open} of {tier.Limits.Agents} agents of the {tier.Name} plan are running. Wait for one to finish, or upgrade.", 5, "agents_limit");

    public static Problem QuotaExhausted(Allowance allowance, string meter, long limit, long wanted) => Problem.PaymentRequired("quota_exhausted",
        $"{(wanted > 1 ? $"{wanted} units do not fit: the {allowance.Tier.Name} plan includes {limit} {meter}s" : $"All {limit} {meter}s of the {allowance.Tier.Name} plan are used or held")} until {allowance.Period.End:MMM d, yyyy HH:mm} UTC. Upgrade the plan, or wait.");
}
