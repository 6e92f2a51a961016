namespace Tracepipe.Storefront.Platform;

/// <summary>Tells the open pages of an organization, on every node, that something they show has changed. They fetch it again by themselves.</summary>
internal static class Live
{
    /// <summary>The channel of PostgreSQL that carries it between nodes.</summary>
    internal const string Channel = "live";

    /// <summary>
    /// To be said with the commit, or not at all. Committing with a notification takes a lock of the whole database server for a moment: for what changes often, one a second is enough.
    /// </summary>
    /// <param name="topic">What has changed, as the regions of pages name it: <c>plan</c>, <c>cards</c>, <c>usage</c>. Letters and hyphens.</param>
    public static Task ChangedAsync(Transaction transaction, Guid organization, string topic, CancellationToken cancel) =>
        transaction.ExecuteAsync($"select pg_notify({Channel}, {$"{organization} {topic}"})", cancel);

    /// <summary>The same for many organizations.</summary>
    public static Task ChangedForAsync(Transaction transaction, Guid[] organizations, string topic, CancellationToken cancel) =>
        transaction.ExecuteAsync($"select pg_notify({Channel}, organization || {$" {topic}"}) from unnest({organizations}) organization", cancel);
}
