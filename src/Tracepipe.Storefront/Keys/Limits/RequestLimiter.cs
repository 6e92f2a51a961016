using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Keys;

/// <summary>What a key and its organization have left, with the limits that were in force when the key was read.</summary>
internal sealed class KeyBuckets(KeyLimits limits, TokenBucket[] key, TokenBucket[] organization)
{
    public KeyLimits Limits { get; } = limits;

    public TokenBucket Key(RequestKind kind) => key[(int)kind];

    public TokenBucket Organization(RequestKind kind) => organization[(int)kind];
}

/// <summary>What is left of a key's requests.</summary>
/// <param name="Reset">When all of them are back, epoch seconds.</param>
/// <param name="RetryAfter">Seconds until the next one, when there was none left.</param>
internal sealed record RequestsLeft(int Limit, int Remaining, long Reset, int? RetryAfter);

/// <summary>
/// The request limits of this node, in memory, on the monotonic clock: a bucket per key, one of three times the size per organization, and one per network
/// for requests without a good key. Writes the <c>X-RateLimit-…</c> headers of the API.
/// </summary>
internal sealed class RequestLimiter(TimeProvider clock)
{
    /// <summary>Refused requests per minute and network: far above what a program that lost its key makes, far below what guessing needs.</summary>
    private const int RefusedPerMinute = 3000;
    private const int OrganizationsShare = 3;

    private readonly ConcurrentDictionary<(Guid Id, bool IsOrganization), TokenBucket[]> buckets = new();
    private readonly ConcurrentDictionary<IPAddress, TokenBucket> networks = new();
    private readonly long minute = clock.TimestampFrequency * 60;
    private Second second = new(0, "0");

    /// <summary>The buckets of a key; the same ones for every key of the same logical key and organization.</summary>
    public KeyBuckets Of(Guid logicalKey, Guid organization, KeyLimits limits) => new(limits, Buckets(logicalKey, isOrganization: false), Buckets(organization, isOrganization: true));

    /// <summary>Takes one request from the key and its organization and writes the headers.</summary>
    /// <returns>Null when it may go on.</returns>
    public Problem? Take(HttpResponse response, KeyBuckets of, RequestKind kind)
    {
        if (Draw(of, kind) is not { } draw) return null;
        WriteHeaders(response, draw.Limit, draw.Left, draw.FullIn);
        return draw.Wait == 0 ? null : TooMany(draw.Wait, $"This key may make {draw.Limit} such requests a minute, all keys of the organization together {draw.Limit * OrganizationsShare}.");
    }

    /// <summary>Takes one request for somebody who asks on behalf of the key's holder.</summary>
    /// <returns>What is left; null when the key has no limit.</returns>
    public RequestsLeft? Take(KeyBuckets of, RequestKind kind) => Draw(of, kind) is not { } draw ? null
        : new RequestsLeft(draw.Limit, draw.Left, ResetAt(draw.FullIn), draw.Wait == 0 ? null : Seconds(draw.Wait));

    /// <summary>How many requests of a key are not back yet on this node: at most those of the last minute.</summary>
    public int Taken(Guid logicalKey, int limit) => limit > 0 && buckets.TryGetValue((logicalKey, false), out var all) ? all[(int)RequestKind.Other].Taken(clock.GetTimestamp(), limit, minute) : 0;

    private (int Limit, int Left, long FullIn, long Wait)? Draw(KeyBuckets of, RequestKind kind)
    {
        var limit = of.Limits.Of(kind);
        if (limit < 0) return null;
        var now = clock.GetTimestamp();
        var wait = of.Key(kind).Take(now, limit, minute, out var left, out var fullIn);
        if (wait == 0)
        {
            wait = of.Organization(kind).Take(now, limit * OrganizationsShare, minute, out var shared, out var sharedFullIn);
            if (wait > 0) of.Key(kind).Return(limit, minute);
            if (shared < left) (left, fullIn) = (shared, sharedFullIn);
        }
        return (limit, left, fullIn, wait);
    }

    /// <summary>Counts a request without a good key against its network and writes the headers.</summary>
    /// <returns>Null when it may be answered as usual.</returns>
    public Problem? TakeWithoutKey(HttpResponse response, IPAddress? address)
    {
        var bucket = networks.GetOrAdd(Network(address ?? IPAddress.None), static _ => new TokenBucket());
        var wait = bucket.Take(clock.GetTimestamp(), RefusedPerMinute, minute, out var left, out var fullIn);
        WriteHeaders(response, RefusedPerMinute, left, fullIn);
        return wait == 0 ? null : TooMany(wait, "Too many requests without a valid API key came from this network.");
    }

    /// <summary>Drops buckets that have been full for twenty minutes: longer than a key is remembered, so nobody holds them.</summary>
    public void Sweep()
    {
        var now = clock.GetTimestamp();
        foreach (var (id, all) in buckets)
            if (all.All(b => b.IsIdle(now, 20 * minute))) buckets.TryRemove(id, out _);
        foreach (var (network, bucket) in networks)
            if (bucket.IsIdle(now, minute)) networks.TryRemove(network, out _);
    }

    private Problem TooMany(long wait, string message)
    {
        var seconds = Seconds(wait);
        return Problem.TooMany($"{message} Wait {seconds} s.", seconds);
    }

    private int Seconds(long wait) => (int)Math.Min(60, (wait / clock.TimestampFrequency) + 1);

    private long ResetAt(long fullIn) => clock.GetUtcNow().ToUnixTimeSeconds() + (fullIn / clock.TimestampFrequency) + 1;

    private void WriteHeaders(HttpResponse response, int limit, int left, long fullIn)
    {
        var headers = response.Headers;
        headers["X-RateLimit-Limit"] = limit.ToString();
        headers["X-RateLimit-Remaining"] = left.ToString();
        var reset = ResetAt(fullIn);
        var last = second;
        if (last.Value != reset) second = last = new Second(reset, reset.ToString());
        headers["X-RateLimit-Reset"] = last.Text;
    }

    private TokenBucket[] Buckets(Guid id, bool isOrganization) => buckets.GetOrAdd((id, isOrganization), static _ => [new TokenBucket(), new TokenBucket(), new TokenBucket()]);

    // One household has one IPv6 /64.
    private static IPAddress Network(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) return address.MapToIPv4();
        if (address.AddressFamily is not AddressFamily.InterNetworkV6) return address;
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return new IPAddress(bytes);
    }

    private sealed record Second(long Value, string Text);
}
