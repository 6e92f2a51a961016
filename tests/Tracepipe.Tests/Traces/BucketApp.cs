using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Traces;
using Tracepipe.Storefront.Traces.Storage;
using Tracepipe.Tests.App;

namespace Tracepipe.Tests.Traces;

/// <summary>The product with a bucket in a real object storage.</summary>
public sealed class BucketApp(TestServers servers) : TracesApp(servers)
{
    private const string Name = "traces";
    private AmazonS3Client? client;

    public SwiftServer Swift { get; } = new();

    /// <summary>A test of this begins with it: without an object storage on this machine there is nothing to see.</summary>
    public static async Task NeedsSwiftAsync() => Assert.SkipWhen(await SwiftServer.WhyNotAsync() is not null, await SwiftServer.WhyNotAsync() ?? "");

    protected override IReadOnlyDictionary<string, string?> Settings => client is null ? base.Settings : new Dictionary<string, string?>(StringComparer.Ordinal)
    {
        ["Traces:Bucket:Name"] = Name, ["Traces:Bucket:ServiceUrl"] = Swift.Url, ["Traces:Bucket:AccessKey"] = SwiftServer.AccessKey, ["Traces:Bucket:SecretKey"] = SwiftServer.SecretKey, ["Traces:Bucket:Prefix"] = "kept/",
    };

    public override async ValueTask InitializeAsync()
    {
        if (await SwiftServer.WhyNotAsync() is null)
        {
            await Swift.StartAsync();
            client = new AmazonS3Client(new BasicAWSCredentials(SwiftServer.AccessKey, SwiftServer.SecretKey), new AmazonS3Config
            {
                ServiceURL = Swift.Url, ForcePathStyle = true, AuthenticationRegion = "us-east-1",
                RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED, ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            });
            await client.PutBucketAsync(Name);
        }
        await base.InitializeAsync();
    }

    protected override void Configure(WebApplicationBuilder builder)
    {
        base.Configure(builder);
        builder.Configuration.AddInMemoryCollection(Settings);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        client?.Dispose();
        await Swift.DisposeAsync();
    }

    /// <summary>A bucket as the product opens it.</summary>
    internal TraceBucket Open(string name = Name, string secret = SwiftServer.SecretKey) =>
        new(new BucketOptions { Name = name, ServiceUrl = Swift.Url, AccessKey = SwiftServer.AccessKey, SecretKey = secret, Prefix = "kept/" });

    /// <summary>The names of an organization's objects in the bucket.</summary>
    public async Task<IReadOnlyList<string>> ObjectsAsync(Guid organization)
    {
        List<string> names = [];
        var request = new ListObjectsV2Request { BucketName = Name, Prefix = $"kept/{organization:N}/" };
        ListObjectsV2Response page;
        do
        {
            page = await client!.ListObjectsV2Async(request);
            names.AddRange((page.S3Objects ?? []).Select(o => o.Key));
            request.ContinuationToken = page.NextContinuationToken;
        }
        while (page.IsTruncated == true);
        return names;
    }

    /// <summary>The objects that sessions of an organization have, by what the database says.</summary>
    public async Task<IReadOnlyList<string>> KnownAsync(Guid organization) =>
        [.. (await ScalarAsync<Guid[]>($"select coalesce(array_agg(object_id), array[]::uuid[]) from trace_files where organization_id = '{organization}' and object_id is not null")).Select(id => $"kept/{organization:N}/{id:N}").Order(StringComparer.Ordinal)];

    /// <summary>Erases from the bucket what is due.</summary>
    public Task EraseAsync() => Services.GetRequiredService<TraceObjects>().EraseDueAsync(CancellationToken.None);
}
