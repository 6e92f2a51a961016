using Npgsql;
using Tracepipe.Storefront.Accounts.Passwords;
using Tracepipe.Storefront.Accounts.Sessions;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts;

/// <summary>Deletes what has run out: registrations, links, counted tries, sessions that ended long ago.</summary>
internal sealed partial class Sweeper(Database database, SignedInDevices devices, PasswordWork passwords, TimeProvider clock, ILogger<Sweeper> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Run(passwords.Warm, stoppingToken);
        using var timer = new PeriodicTimer(TimeSpan.FromMinutes(1), clock);
        for (var minute = 0; ; minute++)
        {
            devices.Tidy();
            try
            {
                if (minute % 60 == 0) await SweepAsync(stoppingToken);
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
            {
                Later(log, failure.Message);
            }
            await timer.WaitForNextTickAsync(stoppingToken);
        }
    }

    public async Task SweepAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await database.WorkReadAsync(q =>
        {
            q.Execute($"delete from registrations where expires_at < {now}");
            q.Execute($"delete from mailed_links where expires_at < {now}");
            q.Execute($"delete from external_registrations where expires_at < {now}");
            q.Execute($"delete from used_sign_in_states where expires_at < {now}");
            q.Execute($"delete from external_sign_ins where at < {now.AddDays(-400)}");
            q.Execute($"delete from tries where at < {now.AddDays(-1)}");
            q.Execute($"delete from signed_in_devices where last_seen_at < {now.AddDays(-90)}");
        }, cancel);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Old registrations and links are deleted later: {Reason}")]
    private static partial void Later(ILogger log, string reason);
}
