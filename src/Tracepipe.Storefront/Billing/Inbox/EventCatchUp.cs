using System.Text.Json;
using System.Text.Json.Nodes;
using Npgsql;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// Reads Stripe's own list of events, at the start and every hour, for what no webhook has brought: this program was down, or its endpoint was. What is
/// known already is known by its id.
/// </summary>
internal sealed partial class EventCatchUp(Database database, StripeConnection stripe, EventHandlers handlers, Inbox inbox, TimeProvider clock, ILogger<EventCatchUp> log) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromHours(1), AfterFailure = TimeSpan.FromMinutes(1);

    /// <summary>Events may show up in the list a little after their time.</summary>
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(10);

    /// <summary>How far back the first look goes, from Stripe's newest event: its clock is not ours.</summary>
    private static readonly TimeSpan First = TimeSpan.FromDays(1);

    /// <summary>Looks once.</summary>
    /// <returns>How many events were new to us.</returns>
    /// <exception cref="StripeException">Stripe did not answer; what was stored stays, and the next look begins at the same place.</exception>
    public async Task<int> RunAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<DateTimeOffset?>? readUntil = null;
        await database.WorkReadAsync(q => readUntil = q.First($"select read_until from event_catch_ups where id = 1", r => (DateTimeOffset?)r.GetFieldValue<DateTimeOffset>(0)), cancel);
        var (found, newest, since) = await ReadAsync(readUntil!.Value - Overlap, cancel);
        if ((newest ?? readUntil.Value) is { } until)
            await database.WorkReadAsync(q => q.Execute($"""
                insert into event_catch_ups (id, read_until, ran_at) values (1, {until}, {now})
                on conflict (id) do update set read_until = greatest(event_catch_ups.read_until, excluded.read_until), ran_at = excluded.ran_at
                """), cancel);
        if (found > 0) Missed(log, found, since);
        return found;
    }

    /// <summary>Takes what Stripe's list has.</summary>
    /// <param name="since">From when on; null: the last day of what is there.</param>
    /// <returns>How many events were new to us, when the newest of all was made, and from when on was read.</returns>
    public async Task<(int Found, DateTimeOffset? Newest, DateTimeOffset? Since)> ReadAsync(DateTimeOffset? since, CancellationToken cancel)
    {
        var (newest, found, batch) = ((DateTimeOffset?)null, 0, new List<StripeEvent>());
        var wanted = new EventListParams { Created = since is { } from ? new TimeRange { Gte = from } : null, Limit = 100 };
        await foreach (var told in stripe.Client.Events.ListAutoPagingAsync(wanted, Patience.OfWorker.Read, cancel)) // the newest first
        {
            if (newest is null || told.Created > newest) newest = told.Created;
            since ??= newest - First;
            if (told.Created < since) break;
            if (!handlers.Knows(told.Type)) continue;
            batch.Add(told);
            if (batch.Count < 100) continue;
            found += await StoreAsync(batch, cancel);
            batch.Clear();
        }
        return (found + await StoreAsync(batch, cancel), newest, since);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!stripe.IsConfigured) return;
        while (!stoppingToken.IsCancellationRequested)
        {
            var pause = Every;
            try
            {
                await RunAsync(stoppingToken);
            }
            catch (Exception failure) when (failure is StripeException or NpgsqlException or TimeoutException)
            {
                Failed(log, failure.GetType().Name);
                pause = AfterFailure;
            }
            await Task.Delay(pause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<int> StoreAsync(List<StripeEvent> events, CancellationToken cancel)
    {
        if (events.Count == 0) return 0;
        var ids = events.Select(e => e.Id).ToArray();
        Answer<IReadOnlyList<string>>? known = null;
        await database.WorkReadAsync(q => known = q.List($"select id from stripe_events where id = any({ids})", r => r.GetString(0)), cancel);
        var missed = events.Where(e => !known!.Value.Contains(e.Id, StringComparer.Ordinal)).OrderBy(e => e.Created).ToList();
        foreach (var told in missed)
        {
            var body = Body(told);
            if (StripeNotice.TryRead(body, out var notice)) await inbox.StoreAsync(notice, body, cancel);
        }
        return missed.Count;
    }

    // As a webhook would have brought it; only its ids are used.
    private static byte[] Body(StripeEvent told) => JsonSerializer.SerializeToUtf8Bytes(new JsonObject
    {
        ["id"] = told.Id,
        ["object"] = "event",
        ["type"] = told.Type,
        ["api_version"] = told.ApiVersion,
        ["created"] = told.Created.ToUnixTimeSeconds(),
        ["livemode"] = told.Livemode,
        ["account"] = told.Account,
        ["data"] = new JsonObject { ["object"] = JsonNode.Parse(told.Data.Object.GetRawText()) },
    });

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} events since {Since} had not arrived by webhook; they are handled now")]
    private static partial void Missed(ILogger log, int count, DateTimeOffset? since);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Stripe's list of events could not be read ({Failure}); again in a minute")]
    private static partial void Failed(ILogger log, string failure);
}
