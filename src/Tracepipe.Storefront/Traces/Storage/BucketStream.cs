using Amazon.S3.Model;

namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>An object of a bucket as a stream: what is read is asked for from where somebody begins to read, and comes as it is read.</summary>
internal sealed class BucketStream(TraceBucket bucket, string name, long bytes) : Stream
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private GetObjectResponse? answer;
    private CancellationTokenSource? limit;
    private long position;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => bytes;

    public override long Position
    {
        get => position;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            if (value == position) return;
            Close(ref answer);
            position = value;
        }
    }

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch { SeekOrigin.Begin => offset, SeekOrigin.Current => position + offset, _ => bytes + offset };

    /// <exception cref="StorageAwayException">It does not come, or breaks off.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (position >= bytes || buffer.IsEmpty) return 0;
        answer ??= await bucket.ReadAsync(name, position, bytes, cancellationToken);
        limit ??= CancellationTokenSource.CreateLinkedTokenSource(cancellationToken); // who reads it all reads for one request
        limit.CancelAfter(Patience);
        int got;
        try
        {
            got = await answer.ResponseStream.ReadAsync(buffer, limit.Token);
        }
        catch (OperationCanceledException late) when (!cancellationToken.IsCancellationRequested)
        {
            throw new StorageAwayException($"The bucket {bucket.Place} sent nothing for {Patience.TotalSeconds:0} s.", late);
        }
        if (got == 0) throw new StorageAwayException($"The bucket {bucket.Place} broke off at byte {position} of {bytes}.");
        position += got;
        return got;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Objects are read asynchronously.");

    public override void Flush() { }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Close(ref answer);
            Close(ref limit);
        }
        base.Dispose(disposing);
    }

    private static void Close<T>(ref T? open) where T : class, IDisposable
    {
        open?.Dispose();
        open = null;
    }
}
