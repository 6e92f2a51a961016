namespace Tracepipe.Storefront.Platform;

/// <summary>A message to a person. The body is plain text; links stand alone on their line.</summary>
internal sealed record Mail(string To, string Subject, string Body);

/// <summary>
/// Outgoing mail as an outbox: written in the transaction that wants it, sent afterwards by <see cref="MailSender"/>. With an SMTP server configured
/// mail goes there, else it stays in the tray (<c>/dev/mail</c> in Development). The log names a mail by number, never by its content.
/// </summary>
internal sealed class Outbox(Database database, TimeProvider clock)
{
    /// <summary>Queues the mail in the caller's transaction: nothing is sent unless it commits.</summary>
    public Task QueueAsync(Mail mail, Transaction transaction, CancellationToken cancel)
    {
        transaction.AfterCommit(_ => { Wake(); return Task.CompletedTask; });
        var now = clock.GetUtcNow();
        return transaction.ExecuteAsync($"insert into mails (recipient, subject, body, created_at, due_at) values ({mail.To}, {mail.Subject}, {mail.Body}, {now}, {now})", cancel);
    }

    /// <summary>Queues a mail that stands alone.</summary>
    public async Task QueueAsync(Mail mail, CancellationToken cancel)
    {
        await using var transaction = await database.BeginWorkAsync(cancel);
        await QueueAsync(mail, transaction, cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>Completes when a mail was queued on this node since the last wait.</summary>
    internal Task WaitAsync(TimeSpan atMost, CancellationToken cancel) => woken.WaitAsync(atMost, cancel);

    private readonly SemaphoreSlim woken = new(0, 1);

    private void Wake()
    {
        try { woken.Release(); }
        catch (SemaphoreFullException) { /* already awake */ }
    }
}
