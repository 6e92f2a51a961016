using Npgsql;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>What one call of a model has cost. Costs are exact dollars.</summary>
/// <param name="Id">The sender's, once per organization.</param>
internal sealed record CostRecord(string Id, string TaskId, string? AgentId, string? SandboxId, string Provider, string Model, long PromptTokens, long CompletionTokens, decimal PromptCost, decimal CompletionCost, DateTimeOffset RecordedAt)
{
    public long TotalTokens => PromptTokens + CompletionTokens;

    public decimal TotalCost => PromptCost + CompletionCost;

    internal static CostRecord Read(NpgsqlDataReader r) => new(r.GetString(0), r.GetString(1), r.IsDBNull(2) ? null : r.GetString(2), r.IsDBNull(3) ? null : r.GetString(3), r.GetString(4), r.GetString(5), r.GetInt64(6), r.GetInt64(7),
        Exact(r, 8), Exact(r, 9), r.GetFieldValue<DateTimeOffset>(10));

    /// <summary>Without the zeros that the column's 12 places add.</summary>
    internal static decimal Exact(NpgsqlDataReader r, int column) => r.GetDecimal(column) / 1.000000000000000000m;
}

/// <summary>Which records are asked for.</summary>
/// <param name="From">From this moment on; null: from the beginning.</param>
/// <param name="To">Before this moment; null: to the end.</param>
internal sealed record CostFilter(DateTimeOffset? From = null, DateTimeOffset? To = null, string? Provider = null, string? Model = null)
{
    /// <summary>Whether it is about whole days (UTC), whose sums are kept.</summary>
    public bool IsOfDays => IsMidnight(From) && IsMidnight(To);

    public DateOnly? FirstDay => DayOf(From);

    public DateOnly? DayAfter => DayOf(To);

    private static bool IsMidnight(DateTimeOffset? at) => at is null || at.Value.UtcTicks % TimeSpan.TicksPerDay == 0;

    private static DateOnly? DayOf(DateTimeOffset? at) => at is { } moment ? DateOnly.FromDateTime(moment.UtcDateTime) : null;
}

/// <summary>What a model has cost in a stretch of time.</summary>
internal sealed record ModelCost(string Provider, string Model, decimal Cost, long Tokens, long Records);

/// <summary>The same for a day (UTC).</summary>
internal sealed record DayCost(DateOnly Day, string Provider, string Model, decimal Cost, long Tokens, long Records);

/// <summary>Reads costs, exactly: nothing is rounded here. Sums of whole days are kept ones, others are of the rows.</summary>
internal static class Costs
{
    /// <summary>The newest first.</summary>
    /// <param name="after">The id that the page before ended with; null: the first page.</param>
    public static Answer<IReadOnlyList<CostRecord>> AskRecords(Questions q, Guid organization, CostFilter filter, string? after, int limit) => q.List($"""
        select id, task_id, agent_id, sandbox_id, provider, model, prompt_tokens, completion_tokens, prompt_cost, completion_cost, recorded_at from cost_records
        where organization_id = {organization} and ({filter.From}::timestamptz is null or recorded_at >= {filter.From}::timestamptz) and ({filter.To}::timestamptz is null or recorded_at < {filter.To}::timestamptz)
          and ({filter.Provider}::text is null or provider = {filter.Provider}::text) and ({filter.Model}::text is null or model = {filter.Model}::text)
          and ({after}::text is null or (recorded_at, id) < (select c.recorded_at, c.id from cost_records c where c.organization_id = {organization} and c.id = {after}::text))
        order by recorded_at desc, id desc limit {limit}
        """, CostRecord.Read);

    /// <summary>The dearest model first.</summary>
    public static Answer<IReadOnlyList<ModelCost>> AskSummary(Questions q, Guid organization, CostFilter filter) => filter.IsOfDays
        ? q.List($"""
            select provider, model, sum(cost), sum(tokens)::bigint, sum(records)::bigint from cost_days
            where organization_id = {organization} and ({filter.FirstDay}::date is null or day >= {filter.FirstDay}::date) and ({filter.DayAfter}::date is null or day < {filter.DayAfter}::date)
              and ({filter.Provider}::text is null or provider = {filter.Provider}::text) and ({filter.Model}::text is null or model = {filter.Model}::text)
            group by provider, model order by 3 desc, provider, model
            """, ReadModel)
        : q.List($"""
            select provider, model, sum(prompt_cost + completion_cost), sum(prompt_tokens + completion_tokens)::bigint, count(*) from cost_records
            where organization_id = {organization} and ({filter.From}::timestamptz is null or recorded_at >= {filter.From}::timestamptz) and ({filter.To}::timestamptz is null or recorded_at < {filter.To}::timestamptz)
              and ({filter.Provider}::text is null or provider = {filter.Provider}::text) and ({filter.Model}::text is null or model = {filter.Model}::text)
            group by provider, model order by 3 desc, provider, model
            """, ReadModel);

    /// <summary>By day (UTC) and model, the first day first; days without a call are not there.</summary>
    public static Answer<IReadOnlyList<DayCost>> AskDays(Questions q, Guid organization, CostFilter filter) => filter.IsOfDays
        ? q.List($"""
            select day, provider, model, cost, tokens, records from cost_days
            where organization_id = {organization} and ({filter.FirstDay}::date is null or day >= {filter.FirstDay}::date) and ({filter.DayAfter}::date is null or day < {filter.DayAfter}::date)
              and ({filter.Provider}::text is null or provider = {filter.Provider}::text) and ({filter.Model}::text is null or model = {filter.Model}::text)
            order by day, cost desc, provider, model
            """, ReadDay)
        : q.List($"""
            select (recorded_at at time zone 'UTC')::date, provider, model, sum(prompt_cost + completion_cost), sum(prompt_tokens + completion_tokens)::bigint, count(*) from cost_records
            where organization_id = {organization} and ({filter.From}::timestamptz is null or recorded_at >= {filter.From}::timestamptz) and ({filter.To}::timestamptz is null or recorded_at < {filter.To}::timestamptz)
              and ({filter.Provider}::text is null or provider = {filter.Provider}::text) and ({filter.Model}::text is null or model = {filter.Model}::text)
            group by 1, 2, 3 order by 1, 4 desc, 2, 3
            """, ReadDay);

    private static ModelCost ReadModel(NpgsqlDataReader r) => new(r.GetString(0), r.GetString(1), CostRecord.Exact(r, 2), r.GetInt64(3), r.GetInt64(4));

    private static DayCost ReadDay(NpgsqlDataReader r) => new(r.GetFieldValue<DateOnly>(0), r.GetString(1), r.GetString(2), CostRecord.Exact(r, 3), r.GetInt64(4), r.GetInt64(5));
}
