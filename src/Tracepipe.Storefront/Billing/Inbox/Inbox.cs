using System.Text;
using Npgsql;
using NpgsqlTypes;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>Where an event stands.</summary>
internal enum EventState { Pending, Done, Parked, Ignored }

/// <summary>An event that a worker has taken up for a while.</summary>
/// <param name="Tries">Including this one.</param>
internal sealed record TakenEvent(StripeNotice Notice, int Tries)
{
    public string Id => Notice.Id;

    public string Type => Notice.Type;
}

/// <summary>
/// What Stripe has told us, each event once (billing rules, decision 13). Storing answers the webhook; acting on it comes afterwards, and its effect and
/// <c>done</c> are one transaction. A try is counted before it is made, so that an event that kills the process is given up in the end, too.
/// </summary>
internal sealed partial class Inbox(Database database, StripeConnection stripe, EventHandlers handlers, TimeProvider clock, FaultPoints faults, ILogger<Inbox> log)
{
    /// <summary>After so many tries an operator has to look.</summary>
    public const int MostTries = 8;

    /// <summary>How long one try may take before another worker takes the event up.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(45);

    public Bell Bell { get; } = new();

    /// <summary>Stores an event; a repeated one changes nothing. What cannot be meant for us is kept and parked with the reason.</summary>
    /// <param name="raw">The body, as it was signed.</param>
    public async Task StoreAsync(StripeNotice received, ReadOnlyMemory<byte> raw, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var (state, reason) = Judge(received);
        var payload = new NpgsqlParameter { Value = Encoding.UTF8.GetString(raw.Span), NpgsqlDbType = NpgsqlDbType.Json };
        await faults.ReachAsync("inbox.verified", cancel);
        await using (var transaction = await database.BeginWorkAsync(cancel))
        {
            var stored = await transaction.ExecuteAsync($"""
                insert into stripe_events (id, type, api_version, livemode, created, payload, received_at, state, due_at, reason, settled_at)
                values ({received.Id}, {received.Type}, {received.ApiVersion}::text, {received.Livemode}, {received.Created ?? now}, {payload}, {now}, {state}, {now}, {reason}::text,
                  {(string.Equals(state, "pending", StringComparison.Ordinal) ? (DateTimeOffset?)null : now)}::timestamptz)
                on conflict (id) do nothing
                """, cancel);
            await faults.ReachAsync("inbox.inserted", cancel);
            await transaction.CommitAsync(cancel);
            if (stored == 1 && reason is not null) Set(log, received.Id, received.Type, state, reason);
        }
        Bell.Ring();
        await faults.ReachAsync("inbox.stored", cancel);
    }

    /// <summary>Takes up events that are due, counting the try.</summary>
    public async Task<IReadOnlyList<TakenEvent>> TakeAsync(int atMost, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<IReadOnlyList<(string Payload, int Tries)>>? taken = null;
        await database.WorkReadAsync(q =>
        {
            // One that was taken up often enough without ever coming back: the process died of it, each time.
            q.Execute($"""
                update stripe_events set state = 'parked', settled_at = {now}, reason = coalesce(reason, 'The process ended each time it was handled.')
                where state = 'pending' and due_at <= {now} and tries >= {MostTries}
                """);
            taken = q.List($"""
                update stripe_events e set tries = e.tries + 1, due_at = {now + Lease}
                from (select id from stripe_events where state = 'pending' and due_at <= {now} and tries < {MostTries} order by due_at limit {atMost} for update skip locked) d
                where e.id = d.id returning e.payload, e.tries
                """, r => (r.GetString(0), r.GetInt32(1)));
        }, cancel);
        return [.. taken!.Value.Select(t => new TakenEvent(Read(t.Payload), t.Tries))];
    }

    /// <summary>Acts on an event that was taken up. Whatever goes wrong is stored with it, and tried again later or given up.</summary>
    public async Task HandleAsync(TakenEvent taken, CancellationToken cancel)
    {
        try
        {
            await faults.ReachAsync("inbox.taken", cancel);
            while (true)
            {
                var effect = await handlers.PrepareAsync(taken.Notice, cancel);
                await faults.ReachAsync("inbox.fetched", cancel);
                if (await ApplyAsync(taken, effect, cancel)) return;
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            throw; // the process ends: the lease runs out and the event is taken up again
        }
        catch (Exception failure)
        {
            await FailedAsync(taken, failure);
        }
    }

    /// <summary>Puts a parked event back: the operator has removed the cause.</summary>
    /// <returns>False when there is no such parked event.</returns>
    public async Task<bool> ReplayAsync(string id, CancellationToken cancel)
    {
        Answer<int>? replayed = null;
        await database.WorkReadAsync(q => replayed = q.Execute(
            $"update stripe_events set state = 'pending', tries = 0, due_at = {clock.GetUtcNow()}, settled_at = null where id = {id} and state = 'parked'"), cancel);
        Bell.Ring();
        return replayed!.Value == 1;
    }

    private static StripeNotice Read(string payload) => StripeNotice.TryRead(Encoding.UTF8.GetBytes(payload), out var notice)
        ? notice
        : throw new InvalidOperationException("A stored event cannot be read any more.");

    private (string State, string? Reason) Judge(StripeNotice received)
    {
        if (received.Livemode != stripe.IsLive)
            return ("parked", received.Livemode ? "A live event, but this installation has a test key." : "A test event, but this installation has a live key.");
        if (received.Account is not null) return ("parked", "It belongs to a connected account, and this installation has none.");
        return handlers.Knows(received.Type) ? ("pending", null) : ("ignored", null);
    }

    /// <returns>False when what was prepared is out of date: prepare it again.</returns>
    private async Task<bool> ApplyAsync(TakenEvent taken, EventEffect effect, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await using var transaction = await database.BeginWorkAsync(cancel);
        // The count of tries is the fence: whoever took the event up later owns it.
        var mine = await transaction.FirstAsync($"select true from stripe_events where id = {taken.Id} and state = 'pending' and tries = {taken.Tries} for update", r => r.GetBoolean(0), cancel);
        if (!mine) return true;
        await faults.ReachAsync("inbox.locked", cancel);
        if (effect.WriteAsync is { } write && !await write(transaction, cancel)) return false;
        await faults.ReachAsync("inbox.effect", cancel);
        await transaction.ExecuteAsync($"""
            update stripe_events set state = {(effect.IsParked ? "parked" : effect.WriteAsync is null ? "ignored" : "done")}, reason = {effect.Reason}::text, settled_at = {now} where id = {taken.Id}
            """, cancel);
        await faults.ReachAsync("inbox.marked", cancel);
        await transaction.CommitAsync(cancel);
        if (effect.IsParked) GivenUp(log, taken.Id, taken.Type, effect.Reason ?? "");
        await faults.ReachAsync("inbox.committed", cancel);
        return true;
    }

    private async Task FailedAsync(TakenEvent taken, Exception failure)
    {
        var now = clock.GetUtcNow();
        var reason = Reason(failure);
        var isLast = taken.Tries >= MostTries;
        var pause = TimeSpan.FromSeconds(Math.Pow(2, taken.Tries - 1)); // 1 s, 2 s, … 64 s
        await database.WorkReadAsync(q => q.Execute($"""
            update stripe_events set state = {(isLast ? "parked" : "pending")}, due_at = {now + pause}, reason = {reason}, settled_at = {(isLast ? now : (DateTimeOffset?)null)}::timestamptz
            where id = {taken.Id} and state = 'pending' and tries = {taken.Tries}
            """), CancellationToken.None);
        if (isLast) GivenUp(log, taken.Id, taken.Type, reason.TrimEnd('.'));
        else Again(log, taken.Id, taken.Type, taken.Tries, reason.TrimEnd('.'), pause);
    }

    /// <summary>What went wrong, without anything that Stripe's sentences or the database's might quote.</summary>
    private static string Reason(Exception failure) => failure switch
    {
        StripeException e => $"Stripe: {e.Kind} {e.Code} {(e.RequestId is { } request ? $"request {request}" : "")}".TrimEnd(),
        PostgresException e => $"Database: {e.SqlState} {e.ConstraintName}".TrimEnd(),
        EventNotReadyException e => e.Message,
        _ => $"{failure.GetType().Name} at {failure.TargetSite?.DeclaringType?.Name}.{failure.TargetSite?.Name}",
    };

    [LoggerMessage(Level = LogLevel.Warning, Message = "Event {Id} ({Type}) is {State}: {Reason}")]
    private static partial void Set(ILogger log, string id, string type, string state, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Event {Id} ({Type}) failed at try {Tries} ({Reason}); again in {Pause}")]
    private static partial void Again(ILogger log, string id, string type, int tries, string reason, TimeSpan pause);

    [LoggerMessage(Level = LogLevel.Error, Message = "Event {Id} ({Type}) is parked: {Reason}. Remove the cause and replay it")]
    private static partial void GivenUp(ILogger log, string id, string type, string reason);
}
