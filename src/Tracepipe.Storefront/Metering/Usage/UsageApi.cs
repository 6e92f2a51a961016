using System.ComponentModel;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.OpenApi;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>Usage for programs: <c>GET /v1/usage</c>.</summary>
internal static class UsageApi
{
    private const string Example = """
        {"billing_period":"2026-11","tokens":{"total":7624200,"by_model":{"claude-sonnet-4":5543900,"gpt-4o":2080300}},"storage":{"gb_hours":14206.25,"current_gb":31.4},"sessions_uploaded":132,"examples_generated":48210,
         "workflows":{"used":82,"limit":100,"remaining":18},"estimated_cost":{"tokens":26.24,"storage":0.00,"workflows":0.00,"total":26.24,"currency":"USD"}}
        """;

    public static void MapUsageApi(this IEndpointRouteBuilder routes) => routes.MapGroup("/v1/usage").WithTags("Usage").MapGet("", ShowAsync).RequireAuthorization(Permissions.UsageRead).WithName("getUsage")
        .AddOpenApiOperationTransformer((operation, _, _) =>
        {
            if (operation.Responses?["200"].Content is { } content) foreach (var media in content.Values.OfType<OpenApiMediaType>()) media.Example = JsonNode.Parse(Example);
            return Task.CompletedTask;
        });

    /// <summary>What this calendar month (UTC) has come to so far.</summary>
    internal static async Task<Results<Ok<UsageResponse>, ProblemAnswer>> ShowAsync(Caller caller, Database database, Standings standings, Catalogs catalogs, TimeProvider clock, HttpContext context, CancellationToken cancel,
        [Description("Only what was used for this suite. What is stored is the organization's as a whole.")] string? suite_id = null)
    {
        var allowed = context.Features.Get<VerifiedKey>()?.Suites;
        if (suite_id is not null && allowed is not null && !allowed.Contains(suite_id, StringComparer.Ordinal)) return Problem.Forbidden(suite_id, $"This key may not touch the suite {suite_id}.").ToResult();
        var (organization, now, prices) = (caller.OrganizationId, clock.GetUtcNow(), catalogs.Current.Prices);
        var isKnown = suite_id is null || prices.Suites.Any(s => string.Equals(s.Id, suite_id, StringComparison.Ordinal));
        Answer<Standing?>? standing = null;
        Answer<IReadOnlyList<QuotaUse>>? quotas = null;
        Answer<bool>? wasUsed = null;
        Func<MonthUse>? month = null;
        await database.ReadAsync(organization, caller.PersonId, q =>
        {
            standing = Standings.Ask(q, organization);
            quotas = Quotas.AskRecent(q, organization, now);
            if (!isKnown) wasUsed = q.First($"select true from usage_days where organization_id = {organization} and suite_id = {suite_id!} limit 1", r => r.GetBoolean(0));
            month = MonthUse.Ask(q, organization, prices, now, suite_id is not null ? [suite_id] : allowed?.ToArray());
        }, cancel);
        if (!isKnown && !wasUsed!.Value) return Problem.Invalid("suite_id", $"There is no such suite: use one of {string.Join(", ", prices.Suites.Select(s => s.Id))}.").ToResult();
        var allowance = await standings.AllowanceAsync(standing!.Value!, now, cancel);
        return TypedResults.Ok(UsageResponse.Of(month!(), allowance, quotas!.Value));
    }
}

/// <summary>A calendar month so far.</summary>
/// <param name="BillingPeriod">The month in UTC: <c>2026-11</c>.</param>
/// <param name="SessionsUploaded">In the month, those that were deleted since included.</param>
/// <param name="ExamplesGenerated">They cost nothing.</param>
internal sealed record UsageResponse(string BillingPeriod, TokensUsed Tokens, StorageUsed Storage, decimal SessionsUploaded, decimal ExamplesGenerated, WorkflowsUsed Workflows, EstimatedCost EstimatedCost)
{
    public static UsageResponse Of(MonthUse month, Allowance allowance, IReadOnlyList<QuotaUse> quotas)
    {
        var limit = allowance.LimitOf("workflow");
        var quota = quotas.FirstOrDefault(u => u.Meter is "workflow" && u.Pocket == allowance.Pocket && u.PeriodStart == allowance.Period.Start);
        var remaining = limit < 0 ? -1 : Math.Max(0, limit - (quota?.Used ?? 0) - (quota?.Held ?? 0)) / 1.000000000000m;
        var (tokens, storage, workflows) = (month.CostOf("tokens"), month.CostOf(StorageLevels.Meter), month.CostOf("workflow"));
        return new(month.Month.Start.ToString("yyyy-MM", System.Globalization.CultureInfo.InvariantCulture), new TokensUsed(month.Tokens, month.TokensByModel.ToDictionary(t => t.Model, t => t.Quantity, StringComparer.Ordinal)),
            new StorageUsed(month.GbHours / 1.000000000000000000m, month.StoredBytes / 1_000_000_000m), month.Sessions, month.Examples, new WorkflowsUsed(month.Workflows, limit, remaining),
            new EstimatedCost(tokens.Amount, storage.Amount, workflows.Amount, (tokens + storage + workflows).Amount, tokens.Currency));
    }
}

/// <param name="Total">Input and output together, as they were reported.</param>
/// <param name="ByModel">Use that named no model is <c>unknown</c>.</param>
internal sealed record TokensUsed(decimal Total, IReadOnlyDictionary<string, decimal> ByModel);

/// <param name="GbHours">The exact integral of the stored bytes over the month so far; a GB is 10⁹ bytes.</param>
/// <param name="CurrentGb">Stored now.</param>
internal sealed record StorageUsed(decimal GbHours, decimal CurrentGb);

/// <param name="Used">In the calendar month, whoever paid for them.</param>
/// <param name="Limit">Included in the plan's own period; −1 is unlimited.</param>
/// <param name="Remaining">Left of the included; −1 is unlimited.</param>
internal sealed record WorkflowsUsed(decimal Used, long Limit, decimal Remaining);

/// <summary>What the use costs beyond plan and included, in decimal dollars: what this month's invoice would say now.</summary>
internal sealed record EstimatedCost(decimal Tokens, decimal Storage, decimal Workflows, decimal Total, string Currency);
