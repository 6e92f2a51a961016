using System.Security.Cryptography;

namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>
/// A stream whose bytes are hashed and written to a file while somebody reads them: a trace is read once. Hashing and writing run beside the reader, one
/// piece behind it.
/// </summary>
internal sealed class Recorder(Stream source, FileStream? file, QuietThreads threads) : Stream
{
    private const int PieceBytes = 1 << 19;
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private byte[] filling = new byte[PieceBytes];
    private byte[] storing = new byte[PieceBytes];
    private int filled;
    private Task behind = Task.CompletedTask;

    /// <summary>Bytes that have passed.</summary>
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
        if (file is not null) await threads.RunAsync(() => file.Flush(flushToDisk: true));
        return hash.GetHashAndReset();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var got = await source.ReadAsync(buffer, cancellationToken);
        Bytes += got;
        for (var rest = buffer[..got]; rest.Length > 0;)
        {
            var part = Math.Min(rest.Length, PieceBytes - filled);
            rest.Span[..part].CopyTo(filling.AsSpan(filled));
            filled += part;
            rest = rest[part..];
            if (filled == PieceBytes) await StoreAsync();
        }
        return got;
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
        hash.Dispose();
        await base.DisposeAsync();
    }

    private async Task StoreAsync()
    {
        await behind;
        (filling, storing) = (storing, filling);
        var (piece, length) = (storing, filled);
        filled = 0;
        behind = threads.RunAsync(() =>
        {
            hash.AppendData(piece.AsSpan(0, length));
            file?.Write(piece.AsSpan(0, length));
        });
    }
}
