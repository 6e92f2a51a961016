using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Metering;

/// <summary>What the cards of the usage page say. Public, because components take it as a parameter; what it holds stays inside.</summary>
public sealed record UsageView
{
    internal UsageSpan Span { get; init; } = default!;

    /// <summary>The running bill month, whatever the span.</summary>
    internal MonthUse Month { get; init; } = default!;

    internal Allowance Allowance { get; init; } = default!;

    internal Spend Spend { get; init; } = default!;

    internal decimal Tokens { get; init; }

    internal decimal Workflows { get; init; }

    internal decimal Sessions { get; init; }

    internal decimal GbHours { get; init; }

    /// <summary>Exact dollars beyond the plan in the span.</summary>
    internal decimal Cost { get; init; }

    /// <summary>Used of what the plan includes, in its own period.</summary>
    internal decimal TokensOfPlan { get; init; }

    internal decimal WorkflowsOfPlan { get; init; }

    /// <summary>A key was ever made.</summary>
    internal bool HasKey { get; init; }

    /// <summary>Nothing was ever used.</summary>
    internal bool IsNew { get; init; }
}

/// <summary>Day by day: one value for each day of the span.</summary>
internal sealed record UsageCurves(UsageSpan Span, IReadOnlyList<ChartSeries> TokensByModel, IReadOnlyList<decimal> Workflows, IReadOnlyList<decimal> StoredGb, IReadOnlyList<decimal> Cost, long IncludedGb);

/// <summary>What one key has used.</summary>
/// <param name="Name">Null: by no key, or by one that is not of this organization any more.</param>
/// <param name="Cost">Its share of what lies beyond the plan.</param>
internal sealed record KeyUsage(string? Name, decimal Tokens, decimal Workflows, Money Cost);

/// <summary>How close a key is to its limit of requests.</summary>
/// <param name="Taken">Requests of the last minute on this node, as far as they are not back yet.</param>
/// <param name="Limit">Per minute; −1 is no limit.</param>
/// <param name="Refused">Answered 429 in 24 hours.</param>
internal sealed record KeyRate(string Name, int Taken, int Limit, long Refused);

/// <summary>Who used it and what it costs.</summary>
/// <param name="Split">What lies beyond the plan in the span, by meter of the catalogue.</param>
/// <param name="CreditsAvailable">Pay before the card does.</param>
internal sealed record UsageBreakdown(UsageSpan Span, IReadOnlyList<KeyUsage> Keys, IReadOnlyList<KeyRate> Rates, IReadOnlyList<(string Meter, string Name, Money Cost)> Split, Forecast Forecast, MonthUse Month, Spend Spend,
    Money CreditsAvailable, Allowance Allowance)
{
    public Money Cost => Split.Aggregate(Money.Zero, (sum, s) => sum + s.Cost);
}
