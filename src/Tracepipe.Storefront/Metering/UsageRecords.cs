using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>What was used, as other modules ask for it among the questions of a page.</summary>
internal static class UsageRecords
{
    /// <summary>How many units of a meter were completed since the beginning.</summary>
    public static Answer<long> AskCompleted(Questions q, Guid organization, string meter) =>
        q.First($"select coalesce(sum(quantity), 0)::bigint from usage_records where organization_id = {organization} and usage_type = {meter}", r => r.GetInt64(0));

    /// <summary>How many runs are under way: open holds that have not expired.</summary>
    public static Answer<long> AskOpenHolds(Questions q, Guid organization, DateTimeOffset now) =>
        q.First($"select count(*) from holds where organization_id = {organization} and state = 'open' and expires_at > {now}", r => r.GetInt64(0));
}
