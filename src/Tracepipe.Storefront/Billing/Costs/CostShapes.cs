using Tracepipe.Storefront.Metering;

namespace Tracepipe.Storefront.Billing;

// The shapes of the billing guide, member by member. Costs are exact dollars.

/// <summary>What one call of a model has cost.</summary>
/// <param name="Id">The sender's.</param>
internal sealed record CostRecordResponse(string Id, string TaskId, string? AgentId, string? SandboxId, string? BillingAccountId, string Provider, string Model, long PromptTokens, long CompletionTokens, long TotalTokens,
    decimal PromptCost, decimal CompletionCost, decimal TotalCost, DateTimeOffset? RecordedAt)
{
    public static CostRecordResponse Of(CostRecord record, Guid account) => new(record.Id, record.TaskId, record.AgentId, record.SandboxId, account.ToString(), record.Provider, record.Model, record.PromptTokens, record.CompletionTokens,
        record.TotalTokens, record.PromptCost, record.CompletionCost, record.TotalCost, record.RecordedAt);
}

/// <summary>Costs added up.</summary>
/// <param name="ScopeType">organization.</param>
/// <param name="ScopeId">Its id.</param>
internal sealed record CostSummaryResponse(string ScopeType, string? ScopeId, decimal TotalCost, long TotalTokens, long RecordCount, IReadOnlyList<CostBreakdownItem> Breakdown);

/// <summary>The share of a model.</summary>
internal sealed record CostBreakdownItem(string Provider, string Model, decimal Cost, long Tokens, long Records)
{
    public static CostBreakdownItem Of(ModelCost cost) => new(cost.Provider, cost.Model, cost.Cost, cost.Tokens, cost.Records);
}

/// <summary>Costs day by day.</summary>
/// <param name="Points">Every day from the first to the last, also those without a call.</param>
internal sealed record CostTimelineResponse(string ScopeType, string? ScopeId, DateTimeOffset From, DateTimeOffset To, IReadOnlyList<CostTimelinePoint> Points);

/// <summary>A day (UTC).</summary>
internal sealed record CostTimelinePoint(DateOnly Date, decimal TotalCost, long TotalTokens, long RecordCount, IReadOnlyList<CostBreakdownItem> Breakdown)
{
    public static CostTimelinePoint Of(DateOnly day, IReadOnlyList<DayCost> costs) => new(day, costs.Sum(c => c.Cost), costs.Sum(c => c.Tokens), costs.Sum(c => c.Records),
        [.. costs.Select(c => new CostBreakdownItem(c.Provider, c.Model, c.Cost, c.Tokens, c.Records))]);
}
