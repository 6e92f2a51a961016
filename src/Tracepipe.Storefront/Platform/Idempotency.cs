using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http.Features;
using Npgsql;

namespace Tracepipe.Storefront.Platform;

/// <summary>The route takes an <c>Idempotency-Key</c>: a request that is sent again is answered again, not carried out again.</summary>
internal sealed record AcceptsIdempotencyKey;

/// <summary>
/// Remembers for 24 hours what was answered to a request with an <c>Idempotency-Key</c>, per organization, route and key. The row is there before the work
/// begins, so that of fifty equal requests at once one works and the others hear <c>conflict</c>. Only successes are remembered: after a refusal the same
/// key may try again.
/// </summary>
internal sealed partial class Idempotency(Database database, IDataProtectionProvider protection, TimeProvider clock, ILogger<Idempotency> log)
{
    public const string Header = "Idempotency-Key";
    private const int LongestKey = 255;
    private static readonly TimeSpan KeptFor = TimeSpan.FromHours(24);

    /// <summary>How long a request may work before its key is believed to be left behind by a process that died.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);

    /// <summary>Runs the work, or answers what an equal request was answered before.</summary>
    /// <param name="context">A request with the header.</param>
    /// <param name="organization">Keys of one organization mean nothing in another.</param>
    /// <param name="caller">The person or key that asks: an answer, which may hold a secret, is repeated to nobody else.</param>
    /// <param name="work">The endpoint.</param>
    public async Task RunAsync(HttpContext context, Guid organization, Guid caller, RequestDelegate work)
    {
        var sent = context.Request.Headers[Header];
        if (sent.Count != 1 || sent[0] is not { Length: > 0 and <= LongestKey } key || key.Any(c => c is < ' ' or > '~'))
        {
            await Problem.BadRequest($"Idempotency-Key takes one value of 1 to {LongestKey} printable ASCII characters.").WriteAsync(context);
            return;
        }
        var call = await ReadAsync(context, organization, caller, key);
        var (isOurs, fingerprint, status, answer) = await ClaimAsync(call, context.RequestAborted);
        if (!isOurs)
        {
            if (!CryptographicOperations.FixedTimeEquals(fingerprint, call.Fingerprint))
                await new Problem(422, "validation_error", "This Idempotency-Key was used for a different request. Use a new key for a new request.").WriteAsync(context);
            else if (status is null)
                await (Problem.Conflict("A request with this Idempotency-Key is still at work. Ask again in a moment for its answer.") with { RetryAfter = 1 }).WriteAsync(context);
            else
                await ReplayAsync(context, status.Value, protection.CreateProtector(nameof(Idempotency), key).Unprotect(answer!));
            return;
        }
        context.RequestAborted = CancellationToken.None; // begun is finished, whether the caller waits or not: its answer is asked for again
        await WorkAsync(context, call, key, work);
    }

    /// <summary>Deletes what is older than 24 hours.</summary>
    public Task SweepAsync(CancellationToken cancel) => database.WorkReadAsync(q => q.Execute($"delete from idempotent_requests where started_at < {clock.GetUtcNow() - KeptFor}"), cancel);

    private sealed record Call(Guid Organization, string Route, byte[] KeyHash, byte[] Fingerprint, DateTimeOffset StartedAt);

    private async Task<Call> ReadAsync(HttpContext context, Guid organization, Guid caller, string key)
    {
        var request = context.Request;
        var body = new MemoryStream();
        await request.Body.CopyToAsync(body, context.RequestAborted);
        body.Position = 0;
        request.Body = body;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(caller.ToByteArray());
        hash.AppendData(Encoding.UTF8.GetBytes(request.QueryString.Value + "\n"));
        hash.AppendData(body.GetBuffer(), 0, (int)body.Length);
        return new Call(organization, $"{request.Method} {request.Path}", SHA256.HashData(Encoding.UTF8.GetBytes(key)), hash.GetHashAndReset(), clock.GetUtcNow());
    }

    private async Task<(bool IsOurs, byte[] Fingerprint, int? Status, byte[]? Answer)> ClaimAsync(Call call, CancellationToken cancel)
    {
        Answer<bool>? claimed = null;
        Answer<(byte[], int?, byte[]?)>? row = null;
        await database.ReadAsync(call.Organization, person: null, q =>
        {
            claimed = q.First($"""
                insert into idempotent_requests as r (organization_id, route, key_hash, fingerprint, started_at, lease_until)
                values ({call.Organization}, {call.Route}, {call.KeyHash}, {call.Fingerprint}, {call.StartedAt}, {call.StartedAt + Lease})
                on conflict (organization_id, route, key_hash) do update
                set fingerprint = excluded.fingerprint, started_at = excluded.started_at, lease_until = excluded.lease_until, status = null, answer = null
                where r.started_at <= {call.StartedAt - KeptFor} or (r.status is null and r.lease_until <= {call.StartedAt})
                returning true
                """, r => r.GetBoolean(0));
            row = q.First($"select fingerprint, status, answer from idempotent_requests where organization_id = {call.Organization} and route = {call.Route} and key_hash = {call.KeyHash}",
                r => (r.GetFieldValue<byte[]>(0), r.IsDBNull(1) ? (int?)null : r.GetInt32(1), r.IsDBNull(2) ? null : r.GetFieldValue<byte[]>(2)));
        }, cancel);
        var (fingerprint, status, answer) = row!.Value;
        return (claimed!.Value, fingerprint ?? call.Fingerprint, status, answer); // no row: another request failed and took it away between the two statements
    }

    private async Task WorkAsync(HttpContext context, Call call, string key, RequestDelegate work)
    {
        var original = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        using var buffer = new MemoryStream();
        var captured = new StreamResponseBodyFeature(buffer);
        context.Features.Set<IHttpResponseBodyFeature>(captured);
        try
        {
            await work(context);
            await captured.CompleteAsync();
        }
        catch
        {
            await LeaveAsync(call);
            throw;
        }
        finally
        {
            context.Features.Set(original);
        }
        if (context.Response.StatusCode is >= 200 and < 300) await KeepAsync(context.Response, call, protection.CreateProtector(nameof(Idempotency), key), buffer.ToArray());
        else await LeaveAsync(call);
        if (buffer.Length > 0) await context.Response.Body.WriteAsync(buffer.GetBuffer().AsMemory(0, (int)buffer.Length));
    }

    private async Task KeepAsync(HttpResponse response, Call call, IDataProtector protector, byte[] body)
    {
        using var answer = new MemoryStream();
        using (var writer = new BinaryWriter(answer, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(response.ContentType ?? "");
            writer.Write(response.Headers.Location.ToString());
            writer.Write(body);
        }
        try
        {
            await database.ReadAsync(call.Organization, person: null, q => q.Execute($"""
                update idempotent_requests set status = {response.StatusCode}, answer = {protector.Protect(answer.ToArray())}
                where organization_id = {call.Organization} and route = {call.Route} and key_hash = {call.KeyHash} and started_at = {call.StartedAt}
                """), CancellationToken.None);
        }
        catch (NpgsqlException failure)
        {
            NotKept(log, failure, call.Route); // the work is done and its answer is true: the caller gets it
        }
    }

    private async Task LeaveAsync(Call call)
    {
        try
        {
            await database.ReadAsync(call.Organization, person: null, q => q.Execute(
                $"delete from idempotent_requests where organization_id = {call.Organization} and route = {call.Route} and key_hash = {call.KeyHash} and started_at = {call.StartedAt} and status is null"), CancellationToken.None);
        }
        catch (NpgsqlException failure)
        {
            NotKept(log, failure, call.Route); // the lease ends it
        }
    }

    private static async Task ReplayAsync(HttpContext context, int status, byte[] kept)
    {
        using var reader = new BinaryReader(new MemoryStream(kept), Encoding.UTF8);
        var (type, location) = (reader.ReadString(), reader.ReadString());
        var response = context.Response;
        response.StatusCode = status;
        if (type.Length > 0) response.ContentType = type;
        if (location.Length > 0) response.Headers.Location = location;
        response.Headers["Idempotent-Replayed"] = "true";
        response.Headers.CacheControl = "no-store";
        await response.Body.WriteAsync(kept.AsMemory((int)reader.BaseStream.Position));
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "What an idempotent request to {Route} came to was not kept")]
    private static partial void NotKept(ILogger log, Exception failure, string route);
}

/// <summary>Once an hour, forgets answers that are older than a day.</summary>
internal sealed partial class IdempotencySweep(Idempotency idempotency, TimeProvider clock, ILogger<IdempotencySweep> log) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Turns.TakeAsync(TimeSpan.FromHours(1), clock, idempotency.SweepAsync, reason => NotSwept(log, reason), stoppingToken);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Old idempotent requests were not deleted: {Reason}")]
    private static partial void NotSwept(ILogger log, string reason);
}

internal static class IdempotencyExtensions
{
    /// <summary>Lets callers repeat the request safely.</summary>
    public static TBuilder TakesIdempotencyKey<TBuilder>(this TBuilder builder) where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new AcceptsIdempotencyKey());

    /// <summary>Whether this request is to be carried out once only.</summary>
    public static bool IsIdempotentCall(this HttpContext context) =>
        context.Request.Headers.ContainsKey(Idempotency.Header) && context.GetEndpoint()?.Metadata.GetMetadata<AcceptsIdempotencyKey>() is not null;
}
