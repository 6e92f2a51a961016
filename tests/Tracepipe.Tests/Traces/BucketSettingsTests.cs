using Tracepipe.Storefront.Traces;
using Tracepipe.Tests.Startup;

namespace Tracepipe.Tests.Traces;

/// <summary>Catches: settings of a bucket that are taken though they cannot work, or do not say what is wrong with them.</summary>
public sealed class BucketSettingsTests
{
    [Fact]
    public void Settings_that_fit_each_other_are_taken()
    {
        Assert.Null(new TracesOptions().Flaw);
        Assert.Null(Of(new() { Name = "traces", Region = "eu-central-1" }));
        Assert.Null(Of(new() { Name = "traces", ServiceUrl = "https://storage.example.com", AccessKey = "a", SecretKey = "b", Prefix = "tracepipe/" }));
    }

    [Fact]
    public void Settings_that_do_not_say_which_one()
    {
        Assert.Contains("Bucket__Name", Of(new() { ServiceUrl = "https://storage.example.com" }), StringComparison.Ordinal);
        Assert.Contains("Bucket__ServiceUrl", Of(new() { Name = "traces" }), StringComparison.Ordinal);
        Assert.Contains("ftp://storage", Of(new() { Name = "traces", ServiceUrl = "ftp://storage" }), StringComparison.Ordinal);
        Assert.Contains("storage.example.com", Of(new() { Name = "traces", ServiceUrl = "storage.example.com" }), StringComparison.Ordinal);
        Assert.Contains("Bucket__SecretKey", Of(new() { Name = "traces", Region = "eu-central-1", AccessKey = "a" }), StringComparison.Ordinal);
        Assert.Contains("Bucket__AccessKey", Of(new() { Name = "traces", Region = "eu-central-1", SecretKey = "a" }), StringComparison.Ordinal);
        foreach (var prefix in (string[])["tracepipe", "/tracepipe/", "/", "t"]) Assert.Contains("Bucket__Prefix", Of(new() { Name = "traces", Region = "eu-central-1", Prefix = prefix }), StringComparison.Ordinal);
        Assert.Contains("Traces__MaxFileBytes", new TracesOptions { MaxFileBytes = 6_000_000_000, Bucket = new() { Name = "traces", Region = "eu-central-1" } }.Flaw, StringComparison.Ordinal);
    }

    // Seen to end with a stack trace before.
    [Fact]
    public async Task They_stop_the_start_with_a_sentence()
    {
        await using var product = ProductProcess.Start(["--urls", "http://127.0.0.1:0", "--data", Directory.CreateTempSubdirectory("tracepipe-settings-").FullName], new() { ["Stripe__Disabled"] = "true", ["Traces__Bucket__Name"] = "traces" });
        Assert.Equal(1, await product.ExitAsync());
        Assert.Contains("Traces__Bucket__ServiceUrl", Assert.Single(product.Errors, l => l.Length > 0), StringComparison.Ordinal);
    }

    private static string? Of(BucketOptions bucket) => new TracesOptions { Bucket = bucket }.Flaw;
}
