using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>What was used, as other modules ask for it among the questions of a page.</summary>
internal static class UsageRecords
{
    /// <summary>What counts uploaded sessions among the sums by hour: no meter of the catalogue, it has no price.</summary>
    public const string SessionsUploaded = "sessions_uploaded";

    /// <summary>How many units of a meter were completed since the beginning.</summary>
    public static Answer<long> AskCompleted(Questions q, Guid organization, string meter) =>
        q.First($"select coalesce(sum(quantity), 0)::bigint from usage_records where organization_id = {organization} and usage_type = {meter}", r => r.GetInt64(0));

    /// <summary>How many runs are under way: open holds that have not expired.</summary>
    public static Answer<long> AskOpenHolds(Questions q, Guid organization, DateTimeOffset now) =>
        q.First($"select count(*) from holds where organization_id = {organization} and state = 'open' and expires_at > {now}", r => r.GetInt64(0));

    /// <summary>Counts one of something that the product itself sees, in the hour it happened and in the caller's transaction.</summary>
    /// <param name="meter">Not a meter of the catalogue: it has no price.</param>
    public static Task CountAsync(Guid organization, string meter, Guid? key, string suite, DateTimeOffset at, Transaction transaction, CancellationToken cancel)
    {
        var hour = HourOf(at);
        return transaction.ExecuteAsync($"""
            insert into usage_hours as u (organization_id, hour, meter, key_id, model, suite_id, quantity, events) values ({organization}, {hour}, {meter}, {key ?? Guid.Empty}, '', {suite}, 1, 1)
            on conflict (organization_id, hour, meter, key_id, model, suite_id) do update set quantity = u.quantity + 1, events = u.events + 1
            """, cancel);
    }

    /// <summary>The hour that a moment is counted in.</summary>
    public static DateTimeOffset HourOf(DateTimeOffset at) => new(at.UtcTicks - (at.UtcTicks % TimeSpan.TicksPerHour), TimeSpan.Zero);

    /// <summary>How much of a meter was counted in a period that begins and ends on the hour.</summary>
    /// <param name="suite">Of one suite; null: of all.</param>
    public static Answer<decimal> AskCounted(Questions q, Guid organization, string meter, Period period, string? suite = null) => q.First($"""
        select coalesce(sum(quantity), 0) from usage_hours where organization_id = {organization} and meter = {meter} and hour >= {period.Start} and hour < {period.End} and ({suite}::text is null or suite_id = {suite})
        """, r => r.GetDecimal(0));
}
