using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// All writes to Stripe (billing rules, decision 14): planned in the transaction that decides, sent by whoever waits or by the worker, always under the
/// stored key. What became of one whose answer was lost is found out by sending it again under that key, or by looking; never guessed.
/// </summary>
internal sealed partial class StripeOperations(Database database, StripeConnection stripe, TimeProvider clock, FaultPoints faults, IServiceProvider services, ILogger<StripeOperations> log)
{
    /// <summary>Stripe keeps a key's answer for at least 24 hours; from then on we look before we send.</summary>
    private static readonly TimeSpan KeyLife = TimeSpan.FromHours(23);

    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);

    /// <summary>How long the one who planned an operation has for sending it before the worker takes it up.</summary>
    private static readonly TimeSpan Head = TimeSpan.FromMinutes(1);

    private Dictionary<string, StripeWrite> Writes => field ??= services.GetServices<StripeWrite>().ToDictionary(w => w.Kind, StringComparer.Ordinal);

    public Bell Bell { get; } = new();

    /// <summary>Writes down what is to be sent, or finds what was written down before about the same subject. One that was refused gets a new key.</summary>
    /// <param name="atOnce">The worker is to send it; otherwise the caller does, and the worker only if the caller cannot.</param>
    /// <exception cref="InvalidOperationException">Another request about the same subject is under way.</exception>
    public async Task<StripeOperation> PlanAsync<T>(Transaction transaction, Guid organization, StripeWrite write, string subject, string idempotencyKey, T request, Actor by, bool atOnce, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var json = JsonSerializer.Serialize(request, JsonSerializerOptions.Web);
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(json)));
        var due = atOnce ? now : now + Head;
        Answer<(StripeOperation Operation, string Hash)>? found = null;
        await transaction.ReadAsync(q =>
        {
            // What somebody else has written down he may have sent already: from here on "not reached" says nothing about it.
            q.Execute($"update stripe_operations set state = 'unknown' where organization_id = {organization} and kind = {write.Kind} and subject = {subject} and state = 'planned'");
            // Whoever comes second at the same moment waits here, whichever of the two unique keys it meets first, and finds what the first one wrote down.
            q.Execute($"""
                insert into stripe_operations (organization_id, id, kind, subject, idempotency_key, request, request_hash, actor_kind, actor_id, created_at, due_at)
                values ({organization}, {Guid.CreateVersion7()}, {write.Kind}, {subject}, {idempotencyKey}, {json}::jsonb, {hash}, {by.Kind}, {by.Id}::uuid, {now}, {due})
                on conflict do nothing
                """);
            q.Execute($"""
                update stripe_operations set
                  attempt = attempt + 1, idempotency_key = {idempotencyKey} || '#' || (attempt + 1), request = {json}::jsonb, request_hash = {hash},
                  state = 'planned', failure = null, tries = 0, actor_kind = {by.Kind}, actor_id = {by.Id}::uuid, created_at = {now}, due_at = {due}
                where organization_id = {organization} and kind = {write.Kind} and subject = {subject} and state = 'failed'
                """);
            found = q.First($"""
                select organization_id, id, kind, subject, idempotency_key, request, state, answer, tries, actor_kind, actor_id, created_at, request_hash
                from stripe_operations where organization_id = {organization} and kind = {write.Kind} and subject = {subject}
                """, r => (StripeOperation.Read(r), r.GetString(12)));
        }, cancel);
        if (atOnce) transaction.AfterCommit(_ => { Bell.Ring(); return Task.CompletedTask; });
        var (operation, theirs) = found!.Value;
        if (operation is null) throw new InvalidOperationException($"The key {idempotencyKey} of {write.Kind} about {subject} is that of another operation.");
        if (!string.Equals(theirs, hash, StringComparison.Ordinal))
            throw new InvalidOperationException($"{write.Kind} about {subject} was written down with another request as {operation.Id}.");
        return operation;
    }

    /// <summary>The operation about a subject, if there is one.</summary>
    public async Task<StripeOperation?> FindAsync(Guid organization, StripeWrite write, string subject, CancellationToken cancel)
    {
        Answer<StripeOperation?>? found = null;
        await database.ReadAsync(organization, person: null, q => found = q.First($"""
            select organization_id, id, kind, subject, idempotency_key, request, state, answer, tries, actor_kind, actor_id, created_at
            from stripe_operations where organization_id = {organization} and kind = {write.Kind} and subject = {subject}
            """, StripeOperation.Read), cancel);
        return found!.Value;
    }

    /// <summary>Sends an operation and stores what became of it. Not cancellable: a write that is cut off is a write in doubt.</summary>
    public async Task<Outcome> PerformAsync(StripeOperation operation, Patience patience)
    {
        if (operation.State == OperationState.Done) return new Outcome(Ending.Done);
        var write = Writes[operation.Kind];
        try
        {
            var isKeyOld = clock.GetUtcNow() - operation.CreatedAt > KeyLife;
            var answer = isKeyOld ? await write.LookAsync(stripe.Client, operation, patience.Read, CancellationToken.None) : null;
            await faults.ReachAsync("operation.planned", CancellationToken.None);
            answer ??= await SendAsync(write, operation, patience);
            await faults.ReachAsync("operation.answered", CancellationToken.None);
            await SettleAsync(write, operation, answer);
            return new Outcome(Ending.Done, answer);
        }
        catch (StripeException failure)
        {
            return await FailedAsync(write, operation, failure);
        }
    }

    /// <summary>Takes up what is due: what was planned for the worker, what its sender did not finish, what is in doubt.</summary>
    /// <returns>How many operations were taken up.</returns>
    public async Task<int> ResumeDueAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<IReadOnlyList<StripeOperation>>? due = null;
        await database.WorkReadAsync(q => due = q.List($"""
            update stripe_operations o set due_at = {now + Head}, state = 'unknown'
            from (select organization_id, id from stripe_operations where state in ('planned', 'unknown') and due_at <= {now} order by due_at limit 8 for update skip locked) d
            where o.organization_id = d.organization_id and o.id = d.id
            returning o.organization_id, o.id, o.kind, o.subject, o.idempotency_key, o.request, o.state, o.answer, o.tries, o.actor_kind, o.actor_id, o.created_at
            """, StripeOperation.Read), cancel);
        await Task.WhenAll(due!.Value.Select(operation => ResumeAsync(operation, cancel)));
        return due.Value.Count;
    }

    private async Task ResumeAsync(StripeOperation operation, CancellationToken cancel)
    {
        var write = Writes[operation.Kind];
        var outcome = await write.IsStillWantedAsync(operation, cancel) ? await PerformAsync(operation, Patience.OfWorker) : await GiveUpAsync(write, operation);
        if (outcome.Answer is not { } answer) return;
        try
        {
            await write.ResumedAsync(operation, answer, cancel);
        }
        catch (StripeException failure)
        {
            AfterwardsFailed(log, operation.Kind, operation.Id, Reason(failure)); // the write itself stands; Stripe's event brings the rest
        }
    }

    /// <summary>Something newer took its place, so it is not sent any more; but whoever planned it may have sent it.</summary>
    private async Task<Outcome> GiveUpAsync(StripeWrite write, StripeOperation operation)
    {
        try
        {
            if (await write.LookAsync(stripe.Client, operation, Patience.OfWorker.Read, CancellationToken.None) is not { } made)
            {
                await StoreAsync(operation, OperationState.Failed, "No longer wanted: something newer took its place.", clock.GetUtcNow(), isDefinite: true);
                return new Outcome(Ending.Refused);
            }
            await SettleAsync(write, operation, made);
            return new Outcome(Ending.Done, made);
        }
        catch (StripeException failure)
        {
            return await FailedAsync(write, operation, failure);
        }
    }

    private async Task<StripeObject> SendAsync(StripeWrite write, StripeOperation operation, Patience patience)
    {
        try
        {
            return await write.SendAsync(stripe.Client, operation, patience.Write(operation.IdempotencyKey), CancellationToken.None);
        }
        catch (StripeException saved) when (saved.Kind == StripeErrorKind.Idempotency && !string.Equals(saved.Code, StripeErrorCodes.IdempotencyKeyInUse, StringComparison.Ordinal)
            || saved is { IsReplay: true, OutcomeUnknown: true })
        {
            // This key will be answered the same for ever: only a look tells, and only a new key can do it.
            if (await write.LookAsync(stripe.Client, operation, patience.Read, CancellationToken.None) is { } there) return there;
            var fresh = await RekeyAsync(operation);
            return await write.SendAsync(stripe.Client, fresh, patience.Write(fresh.IdempotencyKey), CancellationToken.None);
        }
    }

    private async Task SettleAsync(StripeWrite write, StripeOperation operation, StripeObject answer)
    {
        var now = clock.GetUtcNow();
        await using var transaction = await database.BeginWorkAsync(CancellationToken.None);
        var settled = await transaction.ExecuteAsync($"""
            update stripe_operations set state = 'done', answer = {answer.Id}, failure = null, settled_at = {now}
            where organization_id = {operation.OrganizationId} and id = {operation.Id} and state <> 'done'
            """, CancellationToken.None);
        await faults.ReachAsync("operation.settling", CancellationToken.None);
        if (settled == 1) await write.SettleAsync(operation, answer, transaction, now, CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
    }

    private async Task<Outcome> FailedAsync(StripeWrite write, StripeOperation operation, StripeException failure)
    {
        var isPassing = failure.Kind is StripeErrorKind.Connection or StripeErrorKind.RateLimited or StripeErrorKind.Authentication or StripeErrorKind.Api
            || failure.Status == System.Net.HttpStatusCode.Conflict;
        var ending = failure.OutcomeUnknown ? Ending.Unknown : isPassing ? Ending.Unreached : Ending.Refused;
        var state = ending == Ending.Unknown ? OperationState.Unknown : write.IsIndispensable ? OperationState.Planned : OperationState.Failed;
        var pause = Pause(operation.Tries, failure.RetryAfter);
        var stored = await StoreAsync(operation, state, Reason(failure), clock.GetUtcNow() + pause, isDefinite: !isPassing);
        if (stored == OperationState.Unknown) ending = Ending.Unknown;
        if (ending != Ending.Refused || write.IsIndispensable) InDoubt(log, operation.Kind, operation.Id, stored, Reason(failure), stored == OperationState.Failed ? null : pause);
        // What cannot be done without and was refused for good is asked for anew, under a new key.
        if (ending == Ending.Refused && write.IsIndispensable) await RekeyAsync(operation);
        return new Outcome(ending, Failure: failure);
    }

    /// <param name="isDefinite">Stripe's answer is about this very key. Otherwise ("too many", not reached) an earlier try that is in doubt stays so: it may have had its effect.</param>
    /// <returns>The state that stands now.</returns>
    private async Task<OperationState> StoreAsync(StripeOperation operation, OperationState state, string reason, DateTimeOffset due, bool isDefinite)
    {
        var stored = state switch { OperationState.Planned => "planned", OperationState.Unknown => "unknown", _ => "failed" };
        var keepsDoubt = state == OperationState.Failed && !isDefinite;
        Answer<string?>? stands = null;
        await database.WorkReadAsync(q => stands = q.First($"""
            update stripe_operations set state = case when {keepsDoubt} and state = 'unknown' then state else {stored} end, failure = {reason}, tries = tries + 1, due_at = {due},
              settled_at = case when {stored} = 'failed' and not ({keepsDoubt} and state = 'unknown') then {clock.GetUtcNow()} end
            where organization_id = {operation.OrganizationId} and id = {operation.Id} and idempotency_key = {operation.IdempotencyKey} and state <> 'done' returning state
            """, r => r.GetString(0)), CancellationToken.None);
        return stands!.Value is "unknown" ? OperationState.Unknown : state;
    }

    private async Task<StripeOperation> RekeyAsync(StripeOperation operation)
    {
        Answer<StripeOperation?>? fresh = null;
        await database.WorkReadAsync(q => fresh = q.First($"""
            update stripe_operations set attempt = attempt + 1, idempotency_key = split_part(idempotency_key, '#', 1) || '#' || (attempt + 1), created_at = {clock.GetUtcNow()}
            where organization_id = {operation.OrganizationId} and id = {operation.Id} and state <> 'done'
            returning organization_id, id, kind, subject, idempotency_key, request, state, answer, tries, actor_kind, actor_id, created_at
            """, StripeOperation.Read), CancellationToken.None);
        return fresh!.Value ?? throw new InvalidOperationException($"{operation.Kind} {operation.Id} was settled meanwhile.");
    }

    private static TimeSpan Pause(int tries, TimeSpan? asked)
    {
        var own = TimeSpan.FromSeconds(Math.Min(LongestPause.TotalSeconds, Math.Pow(2, Math.Min(tries, 20))));
        return asked > own ? asked.Value : own;
    }

    /// <summary>Type, code and request id: Stripe's sentences may hold an e-mail address.</summary>
    private static string Reason(StripeException failure) => $"{failure.Kind} {failure.Code} {failure.DeclineCode} {(failure.RequestId is { } id ? $"request {id}" : "")}".Trim();

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Kind} {Id} was finished, but not what follows ({Reason})")]
    private static partial void AfterwardsFailed(ILogger log, string kind, Guid id, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Kind} {Id} is {State} ({Reason}); again in {Pause}")]
    private static partial void InDoubt(ILogger log, string kind, Guid id, OperationState state, string reason, TimeSpan? pause);
}
