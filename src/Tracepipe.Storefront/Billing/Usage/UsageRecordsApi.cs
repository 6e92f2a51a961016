using System.ComponentModel;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.OpenApi;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>The billing guide's list of usage records.</summary>
internal static class UsageRecordsApi
{
    private const string Example = """
        [{"id":"019aa5f4-1b7e-7d03-b1c4-52a8f0e6d917","billing_account_id":"019a9b10-77aa-7f4e-8d1e-0b1c2d3e4f50","ticket_id":"T-1042","usage_type":"workflow","quantity":1,"unit_price":10.00,"total_price":10.00,
          "free_tier_used":false,"invoice_id":null,"billed":false,"usage_details":{"ticket_id":"T-1042"},"recorded_at":"2026-11-21T12:04:05.117Z","billed_at":null}]
        """;

    public static void MapUsageRecordsApi(this IEndpointRouteBuilder routes) =>
        routes.MapGroup("/api/billing").WithTags("Billing").DisableCookieRedirect().AddEndpointFilter(CookieCalls.CheckAsync)
            .MapGet("/account/{organization_id}/usage", ListAsync).RequireAuthorization(Permissions.UsageRead)
            .AddOpenApiOperationTransformer((operation, _, _) =>
            {
                if (operation.Responses?["200"].Content is { } content) foreach (var media in content.Values.OfType<OpenApiMediaType>()) media.Example = JsonNode.Parse(Example);
                return Task.CompletedTask;
            });

    /// <summary>What was used, newest first: units of work, reported quantities beyond the included ones, stored bytes above the included level. The Link header names the next page.</summary>
    internal static async Task<Results<Ok<IReadOnlyList<UsageRecordResponse>>, ProblemAnswer>> ListAsync(Caller caller, UsageRecordList records, BillingAccounts accounts, Catalogs catalogs, HttpContext http, CancellationToken cancel,
        [Description("true: on an invoice; false: not yet.")] string? billed = null, [Description("An instant, or a day (UTC).")] string? from = null, [Description("An instant, excluded, or a day (UTC), which counts whole.")] string? to = null,
        [Description("Only units of work that were held by this key.")] string? key_id = null, [Description("Only units of work for this suite.")] string? suite_id = null, [Description("1 to 100; 50 unless said otherwise.")] string? limit = null, [Description("From the Link header.")] string? cursor = null)
    {
        var (range, wrongRange) = DateRange.Read(from, to);
        var wrong = new Dictionary<string, object?>(wrongRange, StringComparer.Ordinal);
        if (billed is not (null or "true" or "false")) wrong["billed"] = "Use true or false.";
        var size = 50;
        if (limit is not null && (!int.TryParse(limit, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out size) || size is < 1 or > Paging.Most)) wrong["limit"] = Paging.LimitSentence;
        Guid? key = null;
        if (key_id is not null && (!Guid.TryParse(key_id, out var id) || !await records.HasKeyAsync(caller.OrganizationId, caller.PersonId, (key = id).Value, cancel))) wrong["key_id"] = "This organization has no such key.";
        if (suite_id is not null && !catalogs.Current.Prices.Suites.Any(s => string.Equals(s.Id, suite_id, StringComparison.Ordinal)) && !await records.HasSuiteAsync(caller.OrganizationId, caller.PersonId, suite_id, cancel))
            wrong["suite_id"] = $"There is no such suite: use one of {string.Join(", ", catalogs.Current.Prices.Suites.Select(s => s.Id))}.";
        RecordPlace? after = null;
        if (cursor is not null && (after = RecordPlace.Read(cursor)) is null) wrong["cursor"] = Paging.CursorSentence;
        if (wrong.Count > 0) return Problem.Invalid(wrong).ToResult();

        var found = await records.ListAsync(caller.OrganizationId, caller.PersonId, new RecordFilter(billed is null ? null : billed is "true", null, range, key, suite_id), after, size + 1, cancel);
        if (found.Count > size) http.NameNext(found[size - 1].Place.ToString());
        var account = await accounts.FindIdAsync(caller.OrganizationId, caller.PersonId, cancel);
        return TypedResults.Ok<IReadOnlyList<UsageRecordResponse>>([.. found.Take(size).Select(r => UsageRecordResponse.Of(r, account))]);
    }
}

/// <summary>Something that was used. Money is in decimal dollars, exact: a line of an invoice is rounded once, not its records.</summary>
/// <param name="UsageType">The meter: <c>workflow</c>, <c>tokens</c> or <c>storage</c>.</param>
/// <param name="FreeTierUsed">Of the free allowance; what a plan includes has price 0 and false.</param>
/// <param name="UsageDetails">What came with the commit, or where a quantity comes from.</param>
internal sealed record UsageRecordResponse(string Id, string BillingAccountId, string? TicketId, string UsageType, decimal Quantity, decimal UnitPrice, decimal TotalPrice, bool FreeTierUsed, string? InvoiceId, bool Billed, JsonElement? UsageDetails,
    DateTimeOffset? RecordedAt, DateTimeOffset? BilledAt)
{
    public static UsageRecordResponse Of(UsageRecord record, Guid account) => new(record.Id.ToString(), account.ToString(), record.TicketId, record.UsageType, record.Quantity, record.UnitPrice, record.TotalPrice, record.IsFreeTier, record.InvoiceId?.ToString(),
        record.IsBilled, record.Details, record.RecordedAt, record.IsBilled ? record.BilledAt : null);
}
