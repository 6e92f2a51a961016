using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.LogIn;

/// <summary>What is counted: tries against an account, from a network, from a device that has signed in before; mails asked for.</summary>
internal readonly record struct Tried(string Kind, string Subject, int Free)
{
    internal byte[] Key => SHA256.HashData(Encoding.UTF8.GetBytes($"{Kind}\n{Subject}"));

    /// <summary>One IPv4 address, or the /64 that one IPv6 customer has.</summary>
    public static string NetworkOf(IPAddress? address)
    {
        if (address is null) return "unknown";
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return address.ToString();
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes).ToString();
    }
}

/// <summary>
/// Growing delays in place of a hard lock. Beyond some free tries each further one doubles the wait before the next, up to a limit; counts fade by half
/// in a quarter of an hour. A try is counted before it is examined, so that parallel ones cannot slip through, and given back when it was right.
/// </summary>
internal sealed class Delays(Database database, IOptions<AccountsOptions> options, TimeProvider clock)
{
    private static readonly TimeSpan HalfLife = TimeSpan.FromMinutes(15);

    /// <summary>What a wrong password is counted against, by normalized address: existing or not.</summary>
    public Tried Account(string normalizedEmail) => new("account", normalizedEmail, options.Value.FreeTriesPerAccount);

    public Tried Network(string network) => new("network", network, options.Value.FreeTriesPerNetwork);

    public Tried Device(string device) => new("device", device, options.Value.FreeTriesPerAccount);

    /// <summary>Counts a request for mail from a network.</summary>
    /// <returns>As <see cref="TakeAsync"/>.</returns>
    public Task<int?> TakeMailAsync(string network, CancellationToken cancel) => TakeAsync([new Tried("mails", network, options.Value.FreeMailsPerNetwork)], cancel);

    /// <summary>Counts a mail to an address; false when it has had enough for now.</summary>
    public async Task<bool> TakeMailToAsync(string normalizedEmail, CancellationToken cancel) => await TakeAsync([new Tried("mail", normalizedEmail, options.Value.FreeMailsPerAddress)], cancel) is null;

    /// <summary>Counts a try against everything named.</summary>
    /// <returns>Null when it may go on; else the seconds (1 or more) until the next try is free, and nothing was counted.</returns>
    public async Task<int?> TakeAsync(IReadOnlyList<Tried> tried, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var keys = new NpgsqlParameter { Value = tried.Select(t => t.Key).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea };
        await using var transaction = await database.BeginWorkAsync(cancel);
        // The update locks each row, in one order for all, so that tries do not deadlock each other. A row from the future was written before the clock was set back: its wait begins now.
        var found = await transaction.ListAsync($"""
            insert into tries (key, count, at, free_at) select k, 0, {now}, {now} from unnest({keys}) k order by k
            on conflict (key) do update set at = least(tries.at, {now}), free_at = least(tries.free_at, {now} + (tries.free_at - tries.at))
            returning key, count, at, free_at, at = {now}
            """, r => (Key: r.GetFieldValue<byte[]>(0), Count: r.GetDouble(1), At: r.GetFieldValue<DateTimeOffset>(2), FreeAt: r.GetFieldValue<DateTimeOffset>(3), IsOfNow: r.GetBoolean(4)), cancel);

        var freeAt = found.Max(f => f.FreeAt);
        if (freeAt > now)
        {
            if (found.Any(f => f.IsOfNow && f.FreeAt > now)) await transaction.CommitAsync(cancel); // else the wait would begin anew with every try
            return Math.Max(1, (int)Math.Ceiling((freeAt - now).TotalSeconds));
        }

        await transaction.ReadAsync(q =>
        {
            foreach (var (key, count, at, _, _) in found)
            {
                var free = tried.First(t => t.Key.AsSpan().SequenceEqual(key)).Free;
                var faded = count * Math.Pow(0.5, Math.Max(0, (now - at) / HalfLife)) + 1;
                q.Execute($"update tries set count = {faded}, at = {now}, free_at = {now + After(faded - free)} where key = {key}");
            }
        }, cancel);
        await transaction.CommitAsync(cancel);
        return null;
    }

    /// <summary>The try was right: its account (or device) starts anew, its network gets this one try back.</summary>
    public async Task GiveBackAsync(Tried forgiven, Tried? returned, CancellationToken cancel)
    {
        await database.WorkReadAsync(q =>
        {
            q.Execute($"update tries set count = 0, free_at = at where key = {forgiven.Key}");
            if (returned is { } one) q.Execute($"update tries set count = greatest(count - 1, 0), free_at = at where key = {one.Key}");
        }, cancel);
    }

    /// <summary>1 s after the first try too many, then 2, 4, 8 … up to <see cref="AccountsOptions.LongestDelay"/>.</summary>
    internal TimeSpan After(double tooMany)
    {
        var tries = Math.Round(tooMany); // counts fade all the time: the first try too many is 0.99 of one
        if (tries < 1) return TimeSpan.Zero;
        var seconds = Math.Pow(2, Math.Min(tries, 30) - 1);
        return TimeSpan.FromSeconds(Math.Min(seconds, options.Value.LongestDelay.TotalSeconds));
    }
}
