using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>What goes wrong on the way of events, from a seed, so that a failing run can be repeated.</summary>
internal sealed class Chaos(ChaosOptions options)
{
    private static readonly TimeSpan ShuffleStep = TimeSpan.FromMilliseconds(20);
    private readonly byte[] _key = BitConverter.GetBytes(options.Seed);
    private long _drawn;

    public bool DropsFirst => options.DropFirst;

    /// <summary>One id, or two for the same change.</summary>
    public IEnumerable<string> EventIds(UnitOfWork work)
    {
        yield return work.NewId("evt_");
        if (Happens(options.TwinPercent)) yield return work.NewId("evt_");
    }

    /// <summary>When the attempts of one delivery start, counted from now: usually one, at once.</summary>
    public IEnumerable<TimeSpan> Starts()
    {
        yield return Pause();
        if (Happens(options.DuplicatePercent)) yield return Pause();
    }

    /// <summary>Receivers must read raw bytes: the same JSON comes compact or indented.</summary>
    public bool Indents() => Happens(50);

    /// <summary>A random time up to a maximum.</summary>
    public TimeSpan Up(TimeSpan maximum) => maximum * (Draw(1000) / 1000.0);

    private TimeSpan Pause()
    {
        var pause = options.ShuffleWindow > 1 ? ShuffleStep * Draw(options.ShuffleWindow) : TimeSpan.Zero;
        return options.MaximumDelay > TimeSpan.Zero ? pause + Up(options.MaximumDelay) : pause;
    }

    public bool Happens(int percent) => percent > 0 && Draw(100) < percent;

    private long Draw(int below)
    {
        Span<byte> counter = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(counter, Interlocked.Increment(ref _drawn));
        return BinaryPrimitives.ReadUInt32LittleEndian(HMACSHA256.HashData(_key, counter)) % below;
    }
}
