using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>
/// Traces in an S3-compatible bucket: an object per content and organization, under a name that is used once. So neither a late answer nor a storage whose copies learn of a deletion one after
/// the other can mistake one for another.
/// </summary>
internal sealed class TraceBucket : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private const long LeastBytesPerSecond = 1_000_000;
    private readonly BucketOptions options;
    private readonly AmazonS3Client client;

    public TraceBucket(BucketOptions options)
    {
        this.options = options;
        var config = new AmazonS3Config
        {
            MaxErrorRetry = 2,
            Timeout = Timeout.InfiniteTimeSpan, // every call has a limit of its own
            // Objects are sent with their SHA-256; the client's own sums are not known to all storages.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
        };
        if (options.ServiceUrl is { Length: > 0 } address)
        {
            (config.ServiceURL, config.ForcePathStyle) = (address, true); // names of buckets are no names of hosts outside of Amazon
            config.AuthenticationRegion = options.Region is { Length: > 0 } region ? region : "us-east-1";
        }
        else config.RegionEndpoint = Amazon.RegionEndpoint.GetBySystemName(options.Region);
        client = options.AccessKey is { Length: > 0 } key ? new AmazonS3Client(new BasicAWSCredentials(key, options.SecretKey), config) : new AmazonS3Client(config);
    }

    /// <summary>How people find it: storage and bucket.</summary>
    public string Place => $"{(options.ServiceUrl is { Length: > 0 } address ? address : options.Region)} {options.Name}";

    /// <summary>For how long an object of so many bytes may be on its way.</summary>
    public static TimeSpan PatienceFor(long bytes) => Patience + TimeSpan.FromSeconds(bytes / LeastBytesPerSecond);

    /// <summary>Stores an object. When this returns, the storage has all of it and has compared its SHA-256.</summary>
    /// <exception cref="StorageAwayException">It has not, as far as is known.</exception>
    public Task PutAsync(Guid organization, Guid id, Stream content, byte[] sha256, CancellationToken cancel) => PutAsync(NameOf(organization, id), content, sha256, cancel);

    /// <summary>Leaves a note about the installation that uses this bucket, which shows whether it may write here.</summary>
    public async Task MarkAsync(Guid installation, byte[] text, CancellationToken cancel)
    {
        using var content = new MemoryStream(text);
        await PutAsync($"{options.Prefix}installations/{installation:N}", content, SHA256.HashData(text), cancel);
    }

    /// <summary>An object to read from, any part of it, or null when it is not there.</summary>
    public async Task<Stream?> OpenAsync(Guid organization, Guid id, CancellationToken cancel)
    {
        var name = NameOf(organization, id);
        try
        {
            var head = await AskAsync(Patience, limit => client.GetObjectMetadataAsync(options.Name, name, limit), cancel);
            return new BucketStream(this, name, head.ContentLength);
        }
        catch (StorageAwayException none) when (none.InnerException is AmazonS3Exception { StatusCode: HttpStatusCode.NotFound })
        {
            return null;
        }
    }

    /// <summary>Erases an object; nothing happens when it is gone already.</summary>
    public Task EraseAsync(Guid organization, Guid id, CancellationToken cancel) => AskAsync(Patience, limit => client.DeleteObjectAsync(options.Name, NameOf(organization, id), limit), cancel);

    public void Dispose() => client.Dispose();

    /// <summary>The bytes of an object from one of them on.</summary>
    internal Task<GetObjectResponse> ReadAsync(string name, long from, long bytes, CancellationToken cancel) =>
        AskAsync(Patience, limit => client.GetObjectAsync(new GetObjectRequest { BucketName = options.Name, Key = name, ByteRange = new ByteRange(from, bytes - 1) }, limit), cancel);

    private async Task PutAsync(string name, Stream content, byte[] sha256, CancellationToken cancel)
    {
        // The client signs the sum of what it reads, which every storage compares, and not of what it should have read; the other sum not all of them know.
        if (!(await SHA256.HashDataAsync(content, cancel)).AsSpan().SequenceEqual(sha256)) throw new StorageAwayException("A trace on disk is not what has arrived any more: it was not sent to the bucket.");
        content.Position = 0;
        var request = new PutObjectRequest
        {
            BucketName = options.Name, Key = name, InputStream = content, AutoCloseStream = false, UseChunkEncoding = false, ContentType = "application/octet-stream", ChecksumSHA256 = Convert.ToBase64String(sha256),
        };
        await AskAsync(PatienceFor(content.Length), limit => client.PutObjectAsync(request, limit), cancel);
    }

    private string NameOf(Guid organization, Guid id) => $"{options.Prefix}{organization:N}/{id:N}";

    private async Task<T> AskAsync<T>(TimeSpan patience, Func<CancellationToken, Task<T>> call, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(patience);
        try
        {
            return await call(limit.Token);
        }
        catch (OperationCanceledException late) when (!cancel.IsCancellationRequested)
        {
            throw new StorageAwayException($"The bucket {Place} has not answered within {patience.TotalSeconds:0} s.", late);
        }
        catch (Exception failure) when (failure is AmazonServiceException or AmazonClientException or HttpRequestException or IOException or SocketException)
        {
            var answer = failure as AmazonServiceException;
            throw new StorageAwayException($"The bucket {Place} does not do as it is asked: {answer?.ErrorCode} {failure.Message}", failure)
            {
                IsFinal = (int?)answer?.StatusCode is >= 300 and < 500 and not (408 or 429),
            };
        }
    }
}
