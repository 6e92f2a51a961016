namespace Tracepipe.Simulation;

/// <summary>What a tier includes in its period.</summary>
public sealed record Tier(long Workflows, int Agents, long Tokens);

/// <summary>What is sold, at which price: the figures that the rules leave to the catalogue.</summary>
public static class Terms
{
    public const string Workflow = "workflow", Tokens = "tokens";

    /// <summary>Cents of one workflow.</summary>
    public const long WorkflowCents = 1000;

    public const long MinimumChargeCents = 50, DefaultCapCents = 10_000;

    public const int MonthsCarried = 12;

    public static readonly TimeSpan LatestReport = TimeSpan.FromDays(35), MostAhead = TimeSpan.FromMinutes(5), CloseAfter = TimeSpan.FromHours(1), DueAfter = TimeSpan.FromDays(7);

    public static readonly IReadOnlyList<TimeSpan> Dunning = [TimeSpan.FromHours(24), TimeSpan.FromHours(96), TimeSpan.FromHours(168), TimeSpan.FromHours(192)];

    public static readonly IReadOnlyDictionary<string, Tier> Tiers = new Dictionary<string, Tier>(StringComparer.Ordinal)
    {
        ["free"] = new(5, 1, 100_000),
        ["starter"] = new(20, 2, 1_000_000),
        ["pro"] = new(100, 5, 5_000_000),
    };

    /// <summary>Dollars of one unit.</summary>
    public static decimal PriceOf(string meter) => meter is Workflow ? 10m : 0.00001m;

    public static long Included(Tier tier, string meter) => meter is Workflow ? tier.Workflows : tier.Tokens;

    /// <summary>The places where a process may end while months are closed and invoices pushed.</summary>
    public static readonly IReadOnlyList<string> Crashes =
        ["close.rounded", "close.made", "close.committed", "usage_invoice.drafted", "usage_invoice.compared", "usage_invoice.finalized", "usage_invoice.paying", "operation.planned", "operation.answered"];
}

/// <summary>A mistake that money code is known to make. The comparison has to find each of them.</summary>
public enum Defect
{
    None,

    /// <summary>A commit told twice is charged twice.</summary>
    CommitCountsAgain,

    /// <summary>A webhook told twice posts the purchase twice.</summary>
    PurchasePostsAgain,

    /// <summary>The provider's sum of all refunds is taken for the newest refund.</summary>
    RefundsAddUp,

    /// <summary>Open holds are not counted under the cap.</summary>
    CapForgetsHolds,

    /// <summary>Use after the fact is charged whatever the cap says.</summary>
    CapForgetsReportedUse,

    /// <summary>Half a cent is rounded up.</summary>
    HalfCentRoundsUp,

    /// <summary>A line is rounded with each settlement, not once.</summary>
    RoundsWithEachSettlement,

    /// <summary>Use that is reported after its month was closed is on no invoice.</summary>
    LateUseIsLost,

    /// <summary>An event sent twice is counted twice.</summary>
    DuplicateCounts,

    /// <summary>A rest of credits pays for a part of a unit.</summary>
    UnitIsSplit,

    /// <summary>What an expired hold set aside stays set aside.</summary>
    ExpiryKeepsCredits,

    /// <summary>A month below the minimum charge is forgotten.</summary>
    SmallMonthIsLost,

    /// <summary>Subscribers burn the free allowance first.</summary>
    SubscriberBurnsFree,

    /// <summary>A correction gives the price of the unit back, whoever has paid for it.</summary>
    CorrectionForgetsHeldBack,
}
