namespace Tracepipe.Storefront.Platform;

/// <summary>A mail as it stands in the outbox. The body of one that has left by SMTP is gone.</summary>
internal sealed record StoredMail(long Id, string To, string Subject, string Body, DateTimeOffset At, string State, string? Failure);

/// <summary>What has been sent or waits, newest first: for developers.</summary>
internal sealed class MailTray(Database database)
{
    public const int PageSize = 50;

    /// <summary>One page, and one mail more when there are older ones.</summary>
    /// <param name="before">Only mails with smaller numbers; null: from the newest on.</param>
    public async Task<IReadOnlyList<StoredMail>> ListAsync(long? before, CancellationToken cancel)
    {
        Answer<IReadOnlyList<StoredMail>>? found = null;
        await database.WorkReadAsync(q => found = q.List(
            $"select id, recipient, subject, body, created_at, state, failure from mails where id < {before ?? long.MaxValue} order by id desc limit {PageSize + 1}", Read), cancel);
        return found!.Value;
    }

    public async Task<StoredMail?> FindAsync(long id, CancellationToken cancel)
    {
        Answer<StoredMail?>? found = null;
        await database.WorkReadAsync(q => found = q.First($"select id, recipient, subject, body, created_at, state, failure from mails where id = {id}", Read), cancel);
        return found!.Value;
    }

    private static StoredMail Read(Npgsql.NpgsqlDataReader r) =>
        new(r.GetInt64(0), r.GetString(1), r.GetString(2), r.GetString(3), r.GetFieldValue<DateTimeOffset>(4), r.GetString(5), r.IsDBNull(6) ? null : r.GetString(6));
}
