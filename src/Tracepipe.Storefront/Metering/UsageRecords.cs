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
    public static Task CountAsync(Guid organization, string meter, Guid? key, string suite, DateTimeOffset at, Transaction transaction, CancellationToken cancel) =>
        transaction.ReadAsync(q => UsageSums.Add(q, organization, meter, key, suite, quantity: 1, events: 1, at), cancel);
}
