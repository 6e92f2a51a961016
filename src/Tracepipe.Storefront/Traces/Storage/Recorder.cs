using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>
/// A stream whose bytes are hashed and written to a file while somebody reads them: a trace is read once. Hashing and writing run beside the reader, a few
/// pieces behind it.
/// </summary>
/// <param name="pieceBytes">How many bytes are hashed and written at a time; a few times as many are kept in memory.</param>
internal sealed class Recorder(Stream source, FileStream? file, int pieceBytes, QuietThreads threads) : Stream
{
    private const int MostBehind = 4;
    private const long WriteBackEvery = 8 * 1024 * 1024;
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly SemaphoreSlim room = new(MostBehind);
    private readonly ConcurrentQueue<ReadOnlyMemory<byte>> full = new();
    private byte[] filling = ArrayPool<byte>.Shared.Rent(pieceBytes);
    private int filled;
    private int given;
    private int waiting;
    private long written;
    private long sent;
    private ExceptionDispatchInfo? failure;
    private Task behind = Task.CompletedTask;

    /// <summary>Bytes that have come.</summary>
    public long Bytes { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Ends the recording: everything is in the file and the file is on disk.</summary>
    /// <returns>The SHA-256 of all that passed.</returns>
    public async Task<byte[]> FinishAsync()
    {
        await StoreAsync();
        await behind;
        failure?.Throw();
        if (file is not null) await threads.RunAsync(() => DiskFlush.File(file));
        return hash.GetHashAndReset();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (given == filled)
        {
            if (filled == pieceBytes) await StoreAsync();
            var got = await source.ReadAsync(filling.AsMemory(filled, pieceBytes - filled), cancellationToken);
            filled += got;
            Bytes += got;
        }
        var part = Math.Min(buffer.Length, filled - given);
        filling.AsSpan(given, part).CopyTo(buffer.Span);
        given += part;
        return part;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Recordings are read asynchronously.");

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        await behind.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // told by ReadAsync or FinishAsync already, or nobody reads on
        ArrayPool<byte>.Shared.Return(filling);
        filling = [];
        hash.Dispose();
        room.Dispose();
        await base.DisposeAsync();
    }

    private async Task StoreAsync()
    {
        await room.WaitAsync();
        failure?.Throw(); // set before the room was given back
        full.Enqueue(filling.AsMemory(0, filled));
        (filling, filled, given) = (ArrayPool<byte>.Shared.Rent(pieceBytes), 0, 0);
        if (Interlocked.Increment(ref waiting) == 1) behind = threads.RunAsync(StoreAll);
    }

    // One piece after the other as long as there are some: to begin anew for each would cost as much as the hashing. Behind a failure they are only given back: who waits for room
    // gets it, and is told.
    private void StoreAll()
    {
        do
        {
            if (!full.TryDequeue(out var piece)) throw new InvalidOperationException("A piece is missing.");
            try
            {
                if (failure is null) Store(piece.Span);
            }
            catch (Exception kept)
            {
                failure = ExceptionDispatchInfo.Capture(kept);
            }
            finally
            {
                if (MemoryMarshal.TryGetArray(piece, out var array)) ArrayPool<byte>.Shared.Return(array.Array!);
                room.Release();
            }
        }
        while (Interlocked.Decrement(ref waiting) > 0);
    }

    private void Store(ReadOnlySpan<byte> piece)
    {
        hash.AppendData(piece);
        if (file is null) return;
        file.Write(piece);
        written += piece.Length;
        if (written - sent < WriteBackEvery) return;
        WriteBack.Begin(file.SafeFileHandle, sent, written - sent);
        sent = written;
    }
}
