namespace Tracepipe.Storefront.Keys;

/// <summary>
/// A token bucket in one word: the instant at which it will be full again. Taking a token moves that instant by the time one token takes to come back;
/// when it lies further ahead than the whole bucket, there is none left. No lock, no timer, and a bucket that nobody touches fills by itself.
/// </summary>
internal sealed class TokenBucket
{
    private long fullAt;

    /// <summary>Takes one token.</summary>
    /// <param name="now">The monotonic clock.</param>
    /// <param name="size">How many tokens fit; they come back within <paramref name="window"/>.</param>
    /// <param name="window">How long an empty bucket takes to be full, in the clock's ticks.</param>
    /// <param name="left">Whole tokens left.</param>
    /// <param name="fullIn">Ticks until it is full.</param>
    /// <returns>0 when there was one, else the ticks until there will be.</returns>
    public long Take(long now, int size, long window, out int left, out long fullIn)
    {
        var token = window / size;
        while (true)
        {
            var before = Volatile.Read(ref fullAt);
            var from = Math.Max(before, now);
            var after = from + token;
            if (after - now > window)
            {
                (left, fullIn) = (0, from - now);
                return after - now - window;
            }
            if (Interlocked.CompareExchange(ref fullAt, after, before) != before) continue;
            (left, fullIn) = ((int)((window - (after - now)) / token), after - now);
            return 0;
        }
    }

    /// <summary>How many tokens are out: taken, and not back yet.</summary>
    public int Taken(long now, int size, long window) => Math.Min(size, (int)((Math.Max(0, Volatile.Read(ref fullAt) - now) + (window / size) - 1) / (window / size)));

    /// <summary>Gives back a token that was taken in vain.</summary>
    public void Return(int size, long window) => Interlocked.Add(ref fullAt, -(window / size));

    /// <summary>Whether it has been full for so long that nobody holds it any more.</summary>
    public bool IsIdle(long now, long longerThan) => now - Volatile.Read(ref fullAt) > longerThan;
}
