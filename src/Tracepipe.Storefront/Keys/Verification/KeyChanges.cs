using Npgsql;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Keys;

/// <summary>
/// Hears what other nodes changed about keys: a notification wakes it at once, and it reads the numbered change log each second anyway, so that a lost
/// notification costs a second and a silent database is noticed.
/// </summary>
internal sealed partial class KeyChanges(Database database, KeyCache cache, TimeProvider clock, ILogger<KeyChanges> log) : BackgroundService
{
    private static readonly TimeSpan ReadEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(3);
    private const int AtOnce = 1000;
    private long read = -1;
    private long heardAt;
    private long rounds;
    private long notifications;

    /// <summary>How often the log has been read to its end.</summary>
    public long Rounds => Volatile.Read(ref rounds);

    /// <summary>How many notifications have come in.</summary>
    public long Notifications => Volatile.Read(ref notifications);

    // Before the server listens: the first request must not find a cache that nobody keeps fresh.
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.Work.OpenConnectionAsync(cancellationToken);
        await CatchUpAsync(connection, cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var wasDeaf = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await ListenAsync(() =>
                {
                    if (wasDeaf) HearsAgain(log);
                    wasDeaf = false;
                }, stoppingToken);
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException or System.Net.Sockets.SocketException or IOException or InvalidOperationException && !stoppingToken.IsCancellationRequested)
            {
                if (!wasDeaf) Deaf(log, failure.Message);
                wasDeaf = true;
                await Task.Delay(TimeSpan.FromMilliseconds(250), clock, stoppingToken);
            }
        }
    }

    private async Task ListenAsync(Action onHeard, CancellationToken cancel)
    {
        await using var connection = await database.OpenAloneAsync(cancel);
        connection.Notification += (_, _) => Interlocked.Increment(ref notifications);
        await using (var listen = new NpgsqlCommand("listen key_changes", connection)) await listen.ExecuteNonQueryAsync(cancel);
        while (true)
        {
            await CatchUpAsync(connection, cancel);
            onHeard();
            await connection.WaitAsync(ReadEvery, cancel); // until a notification, a second at most
        }
    }

    /// <summary>Reads the log to its end and forgets what it names.</summary>
    private async Task CatchUpAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        while (true)
        {
            var asked = clock.GetTimestamp();
            var changes = await ReadAsync(connection, cancel);
            if (read >= 0 && clock.GetElapsedTime(heardAt) >= KeyCache.TrustFor) cache.ForgetAll(); // deaf for long: the log may have been pruned meanwhile
            foreach (var change in changes)
            {
                if (change.Key is { } key) cache.ForgetKey(key);
                if (change.Organization is { } organization) cache.ForgetOrganization(organization);
                if (change.Person is { } person) cache.ForgetPerson(person);
                read = change.Sequence;
            }
            heardAt = asked;
            if (changes.Count == AtOnce) continue;
            cache.Heard(asked);
            Interlocked.Increment(ref rounds);
            return;
        }
    }

    private async Task<List<Change>> ReadAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        // The first time only the end of the log is of interest: nothing is cached yet.
        const string end = "select coalesce(max(sequence), 0), null::uuid, null::uuid, null::uuid from key_changes";
        const string next = "select sequence, key_id, organization_id, person_id from key_changes where sequence > $1 order by sequence limit 1000";
        await using var command = new NpgsqlCommand(read < 0 ? end : next, connection) { CommandTimeout = (int)AnswerWithin.TotalSeconds };
        if (read >= 0) command.Parameters.AddWithValue(read);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var changes = new List<Change>();
        while (await reader.ReadAsync(cancel))
            changes.Add(new Change(reader.GetInt64(0), reader.IsDBNull(1) ? null : reader.GetGuid(1), reader.IsDBNull(2) ? null : reader.GetGuid(2), reader.IsDBNull(3) ? null : reader.GetGuid(3)));
        return changes;
    }

    private readonly record struct Change(long Sequence, Guid? Key, Guid? Organization, Guid? Person);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The database does not answer; keys are believed for five more seconds: {Reason}")]
    private static partial void Deaf(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The database answers again; keys are served")]
    private static partial void HearsAgain(ILogger log);
}
