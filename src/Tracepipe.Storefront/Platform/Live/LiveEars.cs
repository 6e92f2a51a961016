using Npgsql;

namespace Tracepipe.Storefront.Platform;

/// <summary>Hears on this node what any node has said, by PostgreSQL's notifications, and passes it on to the open streams.</summary>
internal sealed partial class LiveEars(Database database, LiveHub hub, TimeProvider clock, ILogger<LiveEars> log) : BackgroundService
{
    // A connection that died silently is noticed by asking.
    private static readonly TimeSpan AskEvery = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var wasDeaf = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await ListenAsync(() =>
                {
                    if (wasDeaf) hub.SayEverything();
                    wasDeaf = false;
                }, stoppingToken);
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException or System.Net.Sockets.SocketException or IOException or InvalidOperationException && !stoppingToken.IsCancellationRequested)
            {
                if (!wasDeaf) Deaf(log, failure.Message);
                wasDeaf = true;
                await Task.Delay(Pause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task ListenAsync(Action onListening, CancellationToken cancel)
    {
        await using var connection = await database.OpenAloneAsync(cancel);
        connection.Notification += (_, told) => Hear(told.Payload);
        await using (var listen = new NpgsqlCommand($"listen {Live.Channel}", connection)) await listen.ExecuteNonQueryAsync(cancel);
        onListening();
        while (true)
        {
            if (await connection.WaitAsync(AskEvery, cancel)) continue;
            await using var ask = new NpgsqlCommand("select 1", connection) { CommandTimeout = 5 };
            await ask.ExecuteNonQueryAsync(cancel);
        }
    }

    private void Hear(string told)
    {
        var space = told.IndexOf(' ', StringComparison.Ordinal);
        if (space > 0 && Guid.TryParse(told.AsSpan(0, space), out var organization)) hub.Say(organization, told[(space + 1)..]);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "What changes is not heard for now, open pages stay as they are: {Reason}")]
    private static partial void Deaf(ILogger log, string reason);
}
