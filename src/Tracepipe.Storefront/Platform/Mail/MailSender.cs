using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Net.Mail;
using Microsoft.Extensions.Options;

namespace Tracepipe.Storefront.Platform;

/// <summary>The mail server (<c>Smtp__Host</c> …). Without a host, mail stays in the tray.</summary>
internal sealed class SmtpOptions
{
    public string? Host { get; init; }

    [Range(1, 65535)]
    public int Port { get; init; } = 587;

    public string? User { get; init; }

    public string? Password { get; init; }

    /// <summary>The sender's address.</summary>
    [Required]
    public string From { get; init; } = "Tracepipe <no-reply@localhost>";

    /// <summary>STARTTLS; switch off only for a server on the same machine.</summary>
    public bool Tls { get; init; } = true;
}

/// <summary>Sends queued mail. A failed try is repeated with growing delay, eight times over about a day, then kept as failed.</summary>
internal sealed partial class MailSender(Database database, Outbox outbox, IOptions<SmtpOptions> smtp, TimeProvider clock, ILogger<MailSender> log) : BackgroundService
{
    private const int MostTries = 8;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Longer than a mail server may take.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);

    /// <param name="Tries">This one included; whoever took the mail up later has a higher number.</param>
    private sealed record Due(long Id, Mail Mail, int Tries);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                while (await SendDueAsync(stoppingToken) > 0) { }
            }
            catch (Exception failure) when (failure is Npgsql.NpgsqlException or TimeoutException)
            {
                Unreachable(log, failure.Message);
            }
            await outbox.WaitAsync(TimeSpan.FromSeconds(2), stoppingToken);
        }
    }

    /// <summary>Takes one due mail, sends it and settles it. No transaction waits for the mail server: until it has answered, the mail belongs to the one who counted the try.</summary>
    /// <returns>How many were settled: 0 or 1.</returns>
    public async Task<int> SendDueAsync(CancellationToken cancel)
    {
        if (await TakeAsync(cancel) is not { } due) return 0;
        var now = clock.GetUtcNow();
        if (string.IsNullOrWhiteSpace(smtp.Value.Host))
        {
            await SettleAsync($"update mails set state = 'tray', settled_at = {now} where id = {due.Id} and state = 'queued' and tries = {due.Tries}");
            ToTray(log, due.Id);
            return 1;
        }
        try
        {
            await SendAsync(due.Mail, cancel);
            await SettleAsync($"update mails set state = 'sent', body = '', settled_at = {now} where id = {due.Id} and state = 'queued' and tries = {due.Tries}");
            Sent(log, due.Id);
        }
        catch (Exception failure) when (failure is SmtpException or IOException or FormatException)
        {
            var state = due.Tries >= MostTries ? "failed" : "queued";
            var next = now + TimeSpan.FromSeconds(15 * Math.Pow(4, due.Tries));
            await SettleAsync($"update mails set state = {state}, due_at = {next}, failure = {failure.Message} where id = {due.Id} and state = 'queued' and tries = {due.Tries}");
            NotSent(log, due.Id, due.Tries, failure.Message);
        }
        return 1;
    }

    private async Task<Due?> TakeAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<Due?>? due = null;
        await database.WorkReadAsync(q => due = q.First($"""
            update mails m set tries = m.tries + 1, due_at = {now + Lease}
            from (select id from mails where state = 'queued' and due_at <= {now} order by due_at limit 1 for update skip locked) d
            where m.id = d.id returning m.id, m.recipient, m.subject, m.body, m.tries
            """, r => new Due(r.GetInt64(0), new Mail(r.GetString(1), r.GetString(2), r.GetString(3)), r.GetInt32(4))), cancel);
        return due!.Value;
    }

    // What the mail server has taken is written down also while the process ends.
    private Task SettleAsync(FormattableString sql) => database.WorkReadAsync(q => q.Execute(sql), CancellationToken.None);

    private async Task SendAsync(Mail mail, CancellationToken cancel)
    {
        var options = smtp.Value;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(Patience); // SmtpClient's own timeout counts for synchronous sending only
        using var client = new SmtpClient(options.Host, options.Port) { EnableSsl = options.Tls };
        if (options.User is not null) client.Credentials = new NetworkCredential(options.User, options.Password);
        using var message = new MailMessage(new MailAddress(options.From), new MailAddress(mail.To)) { Subject = mail.Subject, Body = mail.Body, IsBodyHtml = false };
        try
        {
            await client.SendMailAsync(message, patience.Token);
        }
        catch (OperationCanceledException late) when (!cancel.IsCancellationRequested)
        {
            throw new SmtpException($"{options.Host} did not answer within {Patience.TotalSeconds:0} s.", late);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Mail {Id} to the tray")]
    private static partial void ToTray(ILogger log, long id);

    [LoggerMessage(Level = LogLevel.Information, Message = "Mail {Id} sent")]
    private static partial void Sent(ILogger log, long id);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mail {Id} not sent, try {Tries}: {Reason}")]
    private static partial void NotSent(ILogger log, long id, int tries, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mail waits for the database: {Reason}")]
    private static partial void Unreachable(ILogger log, string reason);
}
