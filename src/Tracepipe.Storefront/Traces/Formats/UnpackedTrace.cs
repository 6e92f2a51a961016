using System.Buffers.Binary;
using System.IO.Compression;

namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>Reads a trace, packed or plain, once from its first byte to its last, and makes its summary. The caller's stream may store what passes.</summary>
internal static class UnpackedTrace
{
    /// <exception cref="MalformedTraceException">Not a trace, breaks off, or grows beyond a limit.</exception>
    public static async Task<TraceSummary> ReadAsync(Stream file, TraceLimits limits, QuietThreads threads, CancellationToken cancel)
    {
        await using var packed = new Watched(file, limits.FileBytes);
        var isPacked = await packed.BeginsWithGzipAsync(cancel);
        if (!isPacked) return await threads.RunAsync(() => ParseAsync(packed, limits, threads, packed, isPacked, cancel));
        await using var unpacked = new GZipStream(packed, CompressionMode.Decompress, leaveOpen: true);
        try
        {
            return await threads.RunAsync(() => ParseAsync(unpacked, limits, threads, packed, isPacked, cancel));
        }
        catch (InvalidDataException broken)
        {
            throw new MalformedTraceException(TraceFault.Malformed, $"The gzip file is damaged near byte {packed.Bytes}: {broken.Message}", packed.Bytes, expected: "a whole gzip file");
        }
    }

    // Runs on a quiet thread. What the parser leaves of a piece, because it is not whole, goes in front of the next. Unpacking is work, reading of one file is not.
    private static async Task<TraceSummary> ParseAsync(Stream source, TraceLimits limits, QuietThreads threads, Watched packed, bool isPacked, CancellationToken cancel)
    {
        var parser = new PairedParser(limits, threads);
        await using var pieces = new ReadAhead(source, limits.PieceBytes, () => packed.Bytes, isPacked || limits.IsReadBehind ? threads.RunAsync : fill => Task.Run(fill, CancellationToken.None), cancel);
        var (before, rest, total) = ((ReadAhead.Piece?)null, ReadOnlyMemory<byte>.Empty, 0L);
        while (true)
        {
            var piece = await pieces.NextAsync(cancel);
            total += piece.Length;
            if (total > limits.UnpackedBytes) throw TooLarge($"Unpacked, the trace is larger than {limits.UnpackedBytes} bytes.");
            if (isPacked && total > limits.RatioFrom && total / limits.Ratio > piece.Taken) throw TooLarge($"The file unpacks to more than {limits.Ratio} times its size: that is not what a trace does.");
            if (rest.Length >= limits.TokenBytes) throw TooLarge($"Event {parser.Events} holds a text of more than {limits.TokenBytes} bytes.");
            var whole = piece.With(rest, limits.TokenBytes);
            if (piece.Length == 0)
            {
                if (isPacked) await packed.CheckTrailerAsync(total, cancel);
                return parser.Complete(whole.Span);
            }
            if (before is not null) pieces.Return(before);
            else if (whole.Span.StartsWith("\uFEFF"u8)) whole = whole[3..];
            rest = whole[await parser.ReadAsync(whole)..];
            before = piece;
        }
    }

    private static MalformedTraceException TooLarge(string message) => new(TraceFault.TooLarge, message);

    /// <summary>
    /// The file as it is stored: counts its bytes, keeps the last ones, and refuses when there are too many. The framework's unpacking checks a trailer
    /// that it meets but takes a file without one, and anything behind one, as whole.
    /// </summary>
    private sealed class Watched(Stream inner, long most) : Stream
    {
        private readonly byte[] head = new byte[2];
        private readonly byte[] tail = new byte[4];
        private int headLength;
        private int headGiven;

        public long Bytes { get; private set; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public async Task<bool> BeginsWithGzipAsync(CancellationToken cancel)
        {
            while (headLength < 2)
            {
                var got = await inner.ReadAsync(head.AsMemory(headLength), cancel);
                if (got == 0) break;
                headLength += got;
            }
            return headLength == 2 && head[0] == 0x1F && head[1] == 0x8B;
        }

        /// <summary>The last four bytes of a gzip file are the unpacked length, modulo 2³² (RFC 1952, 2.3.1).</summary>
        public async Task CheckTrailerAsync(long unpacked, CancellationToken cancel)
        {
            var drain = new byte[4096];
            while (await ReadAsync(drain, cancel) > 0) { }
            if (Bytes < 18 || BinaryPrimitives.ReadUInt32LittleEndian(tail) != (uint)unpacked)
                throw new MalformedTraceException(TraceFault.Malformed, "The gzip file breaks off, or something stands behind its end. Pack the trace again as one gzip file.", Bytes, expected: "a whole gzip file");
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int got;
            if (headGiven < headLength && buffer.Length > 0)
            {
                got = Math.Min(buffer.Length, headLength - headGiven);
                head.AsSpan(headGiven, got).CopyTo(buffer.Span);
                headGiven += got;
            }
            else got = await inner.ReadAsync(buffer, cancellationToken);
            Bytes += got;
            if (Bytes > most) throw TooLarge($"The file is larger than {most} bytes.");
            Remember(buffer.Span[..got]);
            return got;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Traces are read asynchronously.");

        public override void Flush() { }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        private void Remember(ReadOnlySpan<byte> got)
        {
            if (got.Length >= tail.Length) { got[^tail.Length..].CopyTo(tail); return; }
            tail.AsSpan(got.Length).CopyTo(tail);
            got.CopyTo(tail.AsSpan(tail.Length - got.Length));
        }
    }
}
