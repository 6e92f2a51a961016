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

    /// <summary>Takes one due mail under a row lock, sends it and settles it in the same transaction.</summary>
    /// <returns>How many were settled: 0 or 1.</returns>
    public async Task<int> SendDueAsync(CancellationToken cancel)
    {
        await using var transaction = await database.BeginWorkAsync(cancel);
        var now = clock.GetUtcNow();
        var due = await transaction.FirstAsync(
            $"select id, recipient, subject, body, tries from mails where state = 'queued' and due_at <= {now} order by due_at limit 1 for update skip locked",
            r => new { Id = r.GetInt64(0), Mail = new Mail(r.GetString(1), r.GetString(2), r.GetString(3)), Tries = r.GetInt32(4) }, cancel);
        if (due is null) return 0;

        if (string.IsNullOrWhiteSpace(smtp.Value.Host))
        {
            await transaction.ExecuteAsync($"update mails set state = 'tray', settled_at = {now} where id = {due.Id}", cancel);
            await transaction.CommitAsync(cancel);
            ToTray(log, due.Id);
            return 1;
        }
        try
        {
            await SendAsync(due.Mail, cancel);
            await transaction.ExecuteAsync($"update mails set state = 'sent', body = '', tries = tries + 1, settled_at = {now} where id = {due.Id}", cancel);
            Sent(log, due.Id);
        }
        catch (Exception failure) when (failure is SmtpException or IOException or FormatException)
        {
            var tries = due.Tries + 1;
            var state = tries >= MostTries ? "failed" : "queued";
            var next = now + TimeSpan.FromSeconds(15 * Math.Pow(4, tries));
            await transaction.ExecuteAsync($"update mails set state = {state}, tries = {tries}, due_at = {next}, failure = {failure.Message} where id = {due.Id}", cancel);
            NotSent(log, due.Id, tries, failure.Message);
        }
        await transaction.CommitAsync(cancel);
        return 1;
    }

    private async Task SendAsync(Mail mail, CancellationToken cancel)
    {
        var options = smtp.Value;
        using var client = new SmtpClient(options.Host, options.Port) { EnableSsl = options.Tls, Timeout = 20_000 };
        if (options.User is not null) client.Credentials = new NetworkCredential(options.User, options.Password);
        using var message = new MailMessage(new MailAddress(options.From), new MailAddress(mail.To)) { Subject = mail.Subject, Body = mail.Body, IsBodyHtml = false };
        await client.SendMailAsync(message, cancel);
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
