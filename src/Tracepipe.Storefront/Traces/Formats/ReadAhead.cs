using System.Buffers;
using System.Threading.Channels;

namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>
/// A file piece by piece, of which the next ones are read while one is looked at: so many that hashing, which takes place on the way, has always something to do while the
/// parsers wait for each other.
/// </summary>
internal sealed class ReadAhead : IAsyncDisposable
{
    private const int Pieces = 3;
    private readonly Stream source;
    private readonly Func<long> taken;
    private readonly Channel<Piece> empty = Channel.CreateUnbounded<Piece>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Channel<Piece> full = Channel.CreateUnbounded<Piece>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Piece[] pieces;
    private readonly CancellationTokenSource stop;
    private readonly Task reading;

    /// <param name="taken">How many bytes <paramref name="source"/> has taken from the file, which may be packed.</param>
    /// <param name="run">Runs a loop that reads.</param>
    public ReadAhead(Stream source, int pieceBytes, Func<long> taken, Func<Func<Task>, Task> run, CancellationToken cancel)
    {
        (this.source, this.taken) = (source, taken);
        pieces = [.. Enumerable.Range(0, Pieces).Select(_ => new Piece(pieceBytes))];
        foreach (var piece in pieces) empty.Writer.TryWrite(piece);
        stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        reading = run(FillAsync);
    }

    /// <summary>The next piece; an empty one at the end of the file.</summary>
    public async ValueTask<Piece> NextAsync(CancellationToken cancel)
    {
        if (!await full.Reader.WaitToReadAsync(cancel)) await reading; // says why
        return await full.Reader.ReadAsync(cancel);
    }

    /// <summary>Takes back a piece that nobody looks at any more.</summary>
    public void Return(Piece piece) => empty.Writer.TryWrite(piece);

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // told by NextAsync already, or nobody reads on
        stop.Dispose();
        foreach (var piece in pieces) piece.Dispose();
    }

    private async Task FillAsync()
    {
        try
        {
            Piece piece;
            do
            {
                piece = await empty.Reader.ReadAsync(stop.Token);
                await piece.FillAsync(source, stop.Token);
                piece.Taken = taken();
                full.Writer.TryWrite(piece);
            }
            while (piece.Length > 0);
        }
        finally
        {
            full.Writer.TryComplete();
        }
    }

    /// <summary>A part of the file, with room in front of it for what the one before left.</summary>
    internal sealed class Piece(int size) : IDisposable
    {
        private const int FirstRoom = 32 * 1024;
        private byte[] bytes = ArrayPool<byte>.Shared.Rent(FirstRoom + size);
        private int room = FirstRoom;

        /// <summary>Bytes that were read.</summary>
        public int Length { get; private set; }

        /// <summary>How many bytes of the file had been taken when this was full.</summary>
        public long Taken { get; set; }

        /// <summary>Reads until it is full or nothing comes any more.</summary>
        public async Task FillAsync(Stream source, CancellationToken cancel) => Length = await source.ReadAtLeastAsync(bytes.AsMemory(room, size), size, throwOnEndOfStream: false, cancel);

        /// <summary>Puts the rest of the piece before in front of what has been read.</summary>
        /// <param name="most">How long a rest may become.</param>
        public ReadOnlyMemory<byte> With(ReadOnlyMemory<byte> rest, int most)
        {
            if (rest.Length > room) // a picture, or an attack: nothing that comes often
            {
                var space = Math.Min(most, 2 * rest.Length);
                var larger = GC.AllocateUninitializedArray<byte>(space + size);
                bytes.AsSpan(room, Length).CopyTo(larger.AsSpan(space));
                Dispose();
                (bytes, room) = (larger, space);
            }
            rest.Span.CopyTo(bytes.AsSpan(room - rest.Length));
            return bytes.AsMemory(room - rest.Length, rest.Length + Length);
        }

        public void Dispose()
        {
            if (room == FirstRoom) ArrayPool<byte>.Shared.Return(bytes);
        }
    }
}
