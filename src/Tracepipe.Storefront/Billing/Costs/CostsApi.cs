using System.ComponentModel;
using System.Text;
using Microsoft.AspNetCore.Http.HttpResults;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>The routes of the billing guide about what calls of models have cost. All of them carry full precision.</summary>
internal static class CostsApi
{
    private const int PageOfExport = 2000;
    private const string About = "From this moment on: an instant (2026-11-01T00:00:00Z), or a day (2026-11-01, UTC).";
    private const string Before = "Until this moment, which is not part of it any more; a day counts whole.";

    private const string Record = """
        {"id":"call-1","task_id":"run-7","agent_id":"labeler","sandbox_id":null,"billing_account_id":"019aa5f4-1b7e-7d03-b1c4-52a8f0e6d918","provider":"openai","model":"gpt-4-turbo","prompt_tokens":1000,
         "completion_tokens":2000,"total_tokens":3000,"prompt_cost":0.01,"completion_cost":0.06,"total_cost":0.07,"recorded_at":"2026-11-21T12:04:05.117Z"}
        """;

    private const string Breakdown = """[{"provider":"openai","model":"gpt-4-turbo","cost":0.07,"tokens":3000,"records":1},{"provider":"anthropic","model":"claude-sonnet-4","cost":0.06,"tokens":8000,"records":1}]""";

    private const string Scope = "\"scope_type\":\"organization\",\"scope_id\":\"019aa5f4-1b7e-7d03-b1c4-52a8f0e6d917\"";

    public static void MapCostsApi(this IEndpointRouteBuilder routes)
    {
        var costs = routes.MapGroup("/api/billing/account/{organization_id}/costs").WithTags("Billing").DisableCookieRedirect().AddEndpointFilter(CookieCalls.CheckAsync).RequireAuthorization(Policies.ReadCosts);
        costs.MapGet("", ListAsync).WithExample(200, $"[{Record}]");
        costs.MapGet("/summary", SummaryAsync).WithExample(200, $$"""{{{Scope}},"total_cost":0.13,"total_tokens":11000,"record_count":2,"breakdown":{{Breakdown}}}""");
        costs.MapGet("/timeline", TimelineAsync).WithExample(200, $$"""{{{Scope}},"from":"2026-11-15T00:00:00Z","to":"2026-11-22T00:00:00Z","points":[{"date":"2026-11-21","total_cost":0.13,"total_tokens":11000,"record_count":2,"breakdown":{{Breakdown}}}]}""");
        costs.MapGet("/export", ExportAsync).Produces<string>(200, "text/csv").WithExample(200, "id,recorded_at,task_id,…");
    }

    /// <summary>Cost records, the newest first. The Link header names the next page.</summary>
    internal static async Task<Results<Ok<IReadOnlyList<CostRecordResponse>>, ProblemAnswer>> ListAsync(Caller caller, Database database, HttpContext http, CancellationToken cancel, [Description(About)] string? from = null,
        [Description(Before)] string? to = null, string? provider = null, string? model = null, [Description("The Link header has it.")] string? cursor = null, [Description("1 to 100.")] int limit = 50)
    {
        if (Read(from, to, provider, model, out var filter) is { } wrong) return wrong.ToResult();
        if (limit is < 1 or > Paging.Most) return Paging.WrongLimit.ToResult();
        if (cursor is { Length: 0 or > 255 }) return Paging.WrongCursor.ToResult();
        Answer<IReadOnlyList<CostRecord>>? records = null;
        Answer<Guid>? account = null;
        Answer<bool>? isKnown = null;
        await database.ReadAsync(caller.OrganizationId, caller.PersonId, q =>
        {
            records = Costs.AskRecords(q, caller.OrganizationId, filter, cursor, limit + 1);
            account = q.First($"select id from billing_accounts where organization_id = {caller.OrganizationId}", r => r.GetGuid(0));
            isKnown = q.First($"select {cursor}::text is null or exists (select 1 from cost_records where organization_id = {caller.OrganizationId} and id = {cursor}::text)", r => r.GetBoolean(0));
        }, cancel);
        if (!isKnown!.Value) return Paging.WrongCursor.ToResult();
        var page = records!.Value;
        if (page.Count > limit) http.NameNext(page[limit - 1].Id);
        return TypedResults.Ok<IReadOnlyList<CostRecordResponse>>([.. page.Take(limit).Select(r => CostRecordResponse.Of(r, account!.Value))]);
    }

    /// <summary>What calls of models have cost, by provider and model, the dearest first.</summary>
    internal static async Task<Results<Ok<CostSummaryResponse>, ProblemAnswer>> SummaryAsync(Caller caller, Database database, CancellationToken cancel, [Description(About)] string? from = null, [Description(Before)] string? to = null, string? provider = null, string? model = null)
    {
        if (Read(from, to, provider, model, out var filter) is { } wrong) return wrong.ToResult();
        Answer<IReadOnlyList<ModelCost>>? models = null;
        await database.ReadAsync(caller.OrganizationId, caller.PersonId, q => models = Costs.AskSummary(q, caller.OrganizationId, filter), cancel);
        var rows = models!.Value;
        return TypedResults.Ok(new CostSummaryResponse("organization", caller.OrganizationId.ToString(), rows.Sum(r => r.Cost), rows.Sum(r => r.Tokens), rows.Sum(r => r.Records), [.. rows.Select(CostBreakdownItem.Of)]));
    }

    /// <summary>Costs by day (UTC): the last so many days with today, or a stretch of at most 366.</summary>
    internal static async Task<Results<Ok<CostTimelineResponse>, ProblemAnswer>> TimelineAsync(Caller caller, Database database, TimeProvider clock, CancellationToken cancel, [Description("1 to 366; 30 unless from and to are given.")] int? days = null,
        [Description(About)] string? from = null, [Description(Before)] string? to = null, string? provider = null, string? model = null)
    {
        if (Read(from, to, provider, model, out var filter) is { } wrong) return wrong.ToResult();
        if (days is < 1 or > CostSpan.MostDays) return Problem.Invalid("days", $"Write a number from 1 to {CostSpan.MostDays}.").ToResult();
        if (days is not null && (from ?? to) is not null) return Problem.Invalid("days", "Send either days, or from and to.").ToResult();
        var recent = CostSpan.LastDays(days ?? 30, clock.GetUtcNow());
        var period = new Period(filter.From ?? (filter.To is { } end ? end.AddDays(-30) : recent.Period.Start), filter.To ?? recent.Period.End);
        if (period.Start >= period.End) return Problem.Invalid("to", "It ends before it begins.").ToResult();
        if (period.End - period.Start > TimeSpan.FromDays(CostSpan.MostDays)) return Problem.Invalid("from", $"Ask for at most {CostSpan.MostDays} days.").ToResult();
        Answer<IReadOnlyList<DayCost>>? found = null;
        await database.ReadAsync(caller.OrganizationId, caller.PersonId, q => found = Costs.AskDays(q, caller.OrganizationId, filter with { From = period.Start, To = period.End }), cancel);
        var byDay = found!.Value.ToLookup(d => d.Day);
        return TypedResults.Ok(new CostTimelineResponse("organization", caller.OrganizationId.ToString(), period.Start, period.End, [.. CostSpan.DaysOf(period).Select(day => CostTimelinePoint.Of(day, [.. byDay[day]]))]));
    }

    /// <summary>Cost records as CSV, the newest first, with all places.</summary>
    internal static Results<PushStreamHttpResult, ProblemAnswer> ExportAsync(Caller caller, Database database, HttpContext http, [Description(About)] string? from = null, [Description(Before)] string? to = null, string? provider = null, string? model = null)
    {
        if (Read(from, to, provider, model, out var filter) is { } wrong) return wrong.ToResult();
        http.Response.Headers.CacheControl = "private, no-store";
        var (organization, person) = (caller.OrganizationId, caller.PersonId);
        return TypedResults.Stream(async stream =>
        {
            var csv = new Csv("id", "recorded_at", "task_id", "agent_id", "sandbox_id", "provider", "model", "prompt_tokens", "completion_tokens", "total_tokens", "prompt_cost", "completion_cost", "total_cost");
            for (string? after = null; ;)
            {
                Answer<IReadOnlyList<CostRecord>>? records = null;
                await database.ReadAsync(organization, person, q => records = Costs.AskRecords(q, organization, filter, after, PageOfExport), http.RequestAborted);
                foreach (var r in records!.Value) csv.Row(r.Id, r.RecordedAt, r.TaskId, r.AgentId, r.SandboxId, r.Provider, r.Model, r.PromptTokens, r.CompletionTokens, r.TotalTokens, r.PromptCost, r.CompletionCost, r.TotalCost);
                await stream.WriteAsync(Encoding.UTF8.GetBytes(csv.Take()), http.RequestAborted);
                if (records.Value.Count < PageOfExport) return;
                after = records.Value[^1].Id;
            }
        }, "text/csv; charset=utf-8", "costs.csv");
    }

    private static Problem? Read(string? from, string? to, string? provider, string? model, out CostFilter filter)
    {
        var (range, problems) = DateRange.Read(from, to);
        var wrong = new Dictionary<string, object?>(problems, StringComparer.Ordinal);
        if (provider is { Length: 0 or > 100 } || provider?.Any(char.IsControl) is true) wrong["provider"] = "Write a name of at most 100 characters.";
        if (model is { Length: 0 or > 100 } || model?.Any(char.IsControl) is true) wrong["model"] = "Write a name of at most 100 characters.";
        filter = new CostFilter(range.From, range.Before, provider, model);
        return wrong.Count > 0 ? Problem.Invalid(wrong) : null;
    }
}
