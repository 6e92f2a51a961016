using System.Text.Json;
using Npgsql;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>One write to Stripe, stored before it is sent and sent each time under the same key.</summary>
/// <param name="Kind">Names the <see cref="StripeWrite"/> that sends it.</param>
/// <param name="Subject">What it is about, in our words; one operation per organization, kind and subject.</param>
/// <param name="Request">JSON of the kind's own request record.</param>
/// <param name="Answer">Id of the object that Stripe answered with.</param>
/// <param name="Tries">How many times it was sent without an answer that settled it.</param>
/// <param name="By">Who wanted it.</param>
/// <param name="CreatedAt">When the key was made: Stripe remembers it for a day.</param>
internal sealed record StripeOperation(Guid OrganizationId, Guid Id, string Kind, string Subject, string IdempotencyKey, string Request, OperationState State, string? Answer, int Tries,
    Actor By, DateTimeOffset CreatedAt)
{
    public T RequestAs<T>() => JsonSerializer.Deserialize<T>(Request, JsonSerializerOptions.Web)!;

    internal static StripeOperation Read(NpgsqlDataReader r) => new(r.GetGuid(0), r.GetGuid(1), r.GetString(2), r.GetString(3), r.GetString(4), r.GetString(5),
        Enum.Parse<OperationState>(r.GetString(6), ignoreCase: true), r.IsDBNull(7) ? null : r.GetString(7), r.GetInt32(8),
        new Actor(r.GetString(9), r.IsDBNull(10) ? null : r.GetGuid(10)), r.GetFieldValue<DateTimeOffset>(11));
}

internal enum OperationState { Planned, Done, Failed, Unknown }

/// <summary>A kind of write to Stripe: how it is sent, how one finds out whether it happened, and what it changes here.</summary>
internal abstract class StripeWrite
{
    /// <summary>Stored with each operation: never renamed.</summary>
    public abstract string Kind { get; }

    /// <summary>Whether we go on until it has succeeded, because nothing works without it. Otherwise a refusal is final, and somebody who waits is told.</summary>
    public virtual bool IsIndispensable => false;

    public abstract Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel);

    /// <summary>Looks whether it has happened, for when its key no longer tells. Null: it has not.</summary>
    public abstract Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel);

    /// <summary>What it changes in our database, in the transaction that marks it done.</summary>
    public virtual Task SettleAsync(StripeOperation operation, StripeObject answer, Platform.Transaction transaction, DateTimeOffset now, CancellationToken cancel) => Task.CompletedTask;

    /// <summary>Whether it should still be carried out long after it was wanted.</summary>
    public virtual Task<bool> IsStillWantedAsync(StripeOperation operation, CancellationToken cancel) => Task.FromResult(true);

    /// <summary>What follows when a worker has finished it because the process that began it could not.</summary>
    public virtual Task ResumedAsync(StripeOperation operation, StripeObject answer, CancellationToken cancel) => Task.CompletedTask;
}

/// <summary>How a write ended, as far as we know.</summary>
internal enum Ending
{
    Done,

    /// <summary>Stripe said no; nothing was done.</summary>
    Refused,

    /// <summary>Stripe could not be reached; nothing was done.</summary>
    Unreached,

    /// <summary>The answer was lost. A worker finds out.</summary>
    Unknown,
}

/// <param name="Answer">What Stripe answered; null when the operation had been done before.</param>
internal sealed record Outcome(Ending Ending, StripeObject? Answer = null, StripeException? Failure = null)
{
    public bool IsDone => Ending == Ending.Done;
}
