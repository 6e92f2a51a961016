using System.Text.Json;
using Microsoft.Net.Http.Headers;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>The choice on the page of usage records, as its address says it.</summary>
internal static class RecordChoice
{
    /// <summary>The states, by their names in the address.</summary>
    public static IReadOnlyList<(string? Key, string Label)> States { get; } = [(null, "All"), ("unbilled", "Unbilled"), ("billed", "Billed"), ("free", "Free")];

    /// <summary>What cannot be read asks for everything.</summary>
    public static RecordFilter Read(string? status, string? from, string? to)
    {
        var range = DateRange.Read(from, to);
        return new RecordFilter(status switch { "billed" => true, "unbilled" => false, _ => null }, status switch { "free" => true, "unbilled" => false, _ => null }, range.Wrong.Count == 0 ? range.Range : default);
    }

    /// <summary>The address of the page, or of its table as CSV.</summary>
    public static string Href(string path, string? status, string? from, string? to, RecordPlace? after = null)
    {
        var query = QueryString.Create(new (string Key, string? Value)[] { ("status", status), ("from", from), ("to", to), ("after", after?.ToString()) }.Where(p => !string.IsNullOrEmpty(p.Value)).Select(p => KeyValuePair.Create(p.Key, p.Value)));
        return path + query;
    }
}

/// <summary>Usage records as CSV: all that the page would show, whole, sent piece by piece.</summary>
internal static class UsageRecordsExport
{
    private const int Piece = 1000;

    public static void MapUsageRecordsExport(this IEndpointRouteBuilder routes) => routes.MapGet("/o/{org}/settings/billing/usage/export", SendAsync).RequireAuthorization(Permissions.UsageRead).ExcludeFromDescription();

    private static async Task SendAsync(Caller caller, UsageRecordList records, TimeProvider clock, HttpContext http, string? status = null, string? from = null, string? to = null)
    {
        var cancel = http.RequestAborted;
        var filter = RecordChoice.Read(status, from, to);
        var page = await records.ListAsync(caller.OrganizationId, caller.PersonId, filter, after: null, Piece, cancel);
        http.Response.ContentType = "text/csv; charset=utf-8";
        http.Response.Headers.CacheControl = "private, no-store";
        http.Response.Headers[HeaderNames.ContentDisposition] = $"attachment; filename=usage-records-{clock.GetUtcNow():yyyy-MM-dd}.csv";
        var csv = new Csv("recorded_at", "id", "usage_type", "ticket_id", "suite", "key", "quantity", "unit_price", "total_price", "free_tier_used", "billed", "billed_at", "invoice", "details");
        while (true)
        {
            foreach (var r in page) csv.Row(r.RecordedAt, r.Id.ToString(), r.UsageType, r.TicketId, r.SuiteId, r.KeyName, r.Quantity, r.UnitPrice, r.TotalPrice, r.IsFreeTier, r.IsBilled, r.IsBilled ? r.BilledAt : null, r.InvoiceNumber, r.Details is { } details ? JsonSerializer.Serialize(details) : null);
            await http.Response.WriteAsync(csv.Take(), cancel);
            if (page.Count < Piece) return;
            page = await records.ListAsync(caller.OrganizationId, caller.PersonId, filter, page[^1].Place, Piece, cancel);
        }
    }
}
