using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tracepipe.Storefront.Traces;

/// <summary>Settings of <c>Traces:…</c>. The defaults work.</summary>
internal sealed class TracesOptions
{
    /// <summary>Where traces are kept; <c>traces</c> in the data folder when empty. Relative to the shell's folder.</summary>
    public string? Folder { get; init; }

    /// <summary>Bytes of one file as sent.</summary>
    [Range(1_000, 1_000_000_000_000)]
    public long MaxFileBytes { get; init; } = 2_000_000_000;

    /// <summary>Bytes of one file after unpacking.</summary>
    [Range(1_000, 10_000_000_000_000)]
    public long MaxUnpackedBytes { get; init; } = 8_000_000_000;

    /// <summary>Uploads of one organization that run at the same time on this node.</summary>
    [Range(1, 10_000)]
    public int ParallelUploads { get; init; } = 8;

    /// <summary>How long an unfinished upload in pieces is kept after its last piece.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "30.00:00:00")]
    public TimeSpan UploadsLast { get; init; } = TimeSpan.FromHours(24);

    /// <summary>The S3-compatible bucket that takes new traces; without a name they stay in the folder.</summary>
    public BucketOptions Bucket { get; init; } = new();

    /// <summary>What is wrong with them beyond single values; null: nothing.</summary>
    public string? Flaw => Bucket switch
    {
        { Name: null or "" } => Bucket.IsEmpty ? null : "Traces__Bucket__Name is missing: without it the other settings of the bucket mean nothing.",
        { ServiceUrl: null or "", Region: null or "" } => "Set Traces__Bucket__ServiceUrl to the address of the S3-compatible storage, or Traces__Bucket__Region to the region of Amazon S3.",
        { ServiceUrl.Length: > 0 } when !Uri.TryCreate(Bucket.ServiceUrl, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https") => $"Traces__Bucket__ServiceUrl is no http or https address: {Bucket.ServiceUrl}.",
        _ when Bucket.AccessKey is { Length: > 0 } != Bucket.SecretKey is { Length: > 0 } => "Set both Traces__Bucket__AccessKey and Traces__Bucket__SecretKey, or neither: then the usual places are searched (environment, profile, role of the machine).",
        _ when Bucket.Prefix is [_, .., not '/'] or [not '/'] or ['/', ..] => "Traces__Bucket__Prefix ends with a slash and does not begin with one, as traces/ does.",
        _ when MaxFileBytes > BucketOptions.MostBytes => $"Traces__MaxFileBytes is at most {BucketOptions.MostBytes} with a bucket, which takes no larger object in one piece.",
        _ => null,
    };

    /// <summary>Stops a start with settings that do not fit each other.</summary>
    internal sealed class Check : IValidateOptions<TracesOptions>
    {
        public ValidateOptionsResult Validate(string? name, TracesOptions options) => options.Flaw is { } flaw ? ValidateOptionsResult.Fail(flaw) : ValidateOptionsResult.Success;
    }
}

/// <summary>Settings of <c>Traces:Bucket:…</c>.</summary>
internal sealed class BucketOptions
{
    /// <summary>What S3 takes in one request, bytes.</summary>
    public const long MostBytes = 5L << 30;

    public string? Name { get; init; }

    /// <summary>The address of an S3-compatible storage, e.g. <c>https://storage.example.com</c>; empty: Amazon S3.</summary>
    public string? ServiceUrl { get; init; }

    /// <summary>The region that requests are signed for; <c>us-east-1</c> when only an address is given.</summary>
    public string? Region { get; init; }

    public string? AccessKey { get; init; }

    public string? SecretKey { get; init; }

    /// <summary>What the names of all objects begin with.</summary>
    public string Prefix { get; init; } = "";

    internal bool IsEmpty => string.IsNullOrEmpty(Name + ServiceUrl + Region + AccessKey + SecretKey + Prefix);
}
