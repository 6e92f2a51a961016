using System.Globalization;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>The numbers of the usage page as a table: a line per day, meter, model, key and suite, and per day what lies in storage and what it costs beyond the plan.</summary>
internal static class UsageExport
{
    public static void MapUsageExport(this IEndpointRouteBuilder routes) => routes.MapGet("/o/{org}/usage/export", SendAsync).RequireAuthorization(Permissions.UsageRead).ExcludeFromDescription();

    private static async Task<IResult> SendAsync(Caller caller, UsageReader reader, Database database, TimeProvider clock, HttpContext http, string? period = null)
    {
        var cancel = http.RequestAborted;
        var span = UsageSpan.Of(period, clock.GetUtcNow());
        Answer<IReadOnlyList<(DateOnly Day, string Meter, string Model, Guid Key, string Suite, decimal Quantity)>>? counted = null;
        Answer<IReadOnlyList<(Guid Id, string Name)>>? keys = null;
        await database.ReadAsync(caller.OrganizationId, caller.PersonId, q =>
        {
            counted = q.List($"""
                select day, meter, model, key_id, suite_id, quantity from usage_days
                where organization_id = {caller.OrganizationId} and day >= {span.First} and day < {span.After} order by 1, 2, 3, 4, 5
                """, r => (r.GetFieldValue<DateOnly>(0), r.GetString(1), r.GetString(2), r.GetGuid(3), r.GetString(4), r.GetDecimal(5)));
            keys = q.List($"select id, name from api_keys where organization_id = {caller.OrganizationId}", r => (r.GetGuid(0), r.GetString(1)));
        }, cancel);
        var curves = await reader.CurvesAsync(caller.OrganizationId, period, cancel);
        var names = keys!.Value.ToDictionary(k => k.Id, k => k.Name);
        var csv = new Csv("date", "meter", "model", "key", "suite", "quantity", "unit");
        foreach (var (day, meter, model, key, suite, quantity) in counted!.Value) csv.Row(day, meter, model, names.GetValueOrDefault(key), suite, quantity, meter);
        foreach (var (day, at) in span.Days.Select((d, i) => (d, i)))
        {
            csv.Row(day, StorageLevels.Meter, null, null, null, curves.StoredGb[at], "GB at the end of the day");
            csv.Row(day, "beyond the plan", null, null, null, curves.Cost[at], "USD");
        }
        return csv.ToFile(http, string.Create(CultureInfo.InvariantCulture, $"usage-{span.First:yyyy-MM-dd}-to-{span.Last:yyyy-MM-dd}.csv"));
    }
}
