using Xunit;

namespace Tracepipe.Tests.Startup;

/// <summary>Catches: a self-test that cannot walk the journey, and one that passes although a part of the product does nothing.</summary>
public sealed class SelftestTests
{
    [Fact]
    public async Task The_self_test_walks_the_journey_and_passes()
    {
        await using var product = ProductProcess.Start(["--selftest"]);
        var code = await product.ExitAsync(TimeSpan.FromSeconds(150));
        Assert.True(code == 0, Said(product));
        Assert.Matches("^PASS in [0-9.]+ s$", product.Output.Last(l => l.Length > 0));
        foreach (var step in (string[])["register", "put a card on file", "the webhook has its effect", "call the API", "revoke the key and be refused"])
            Assert.Contains(product.Output, l => l.TrimStart().StartsWith(step, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_the_inbox_worker_the_self_test_fails_and_says_what_it_waited_for()
    {
        await using var product = ProductProcess.Start(["--selftest", "--Billing:InboxWorker=false"]);
        var code = await product.ExitAsync(TimeSpan.FromSeconds(150));
        Assert.True(code == 1, Said(product));
        Assert.Matches("^FAIL after [0-9.]+ s: .*the account has a payment method", product.Output.Last(l => l.Length > 0));
        Assert.DoesNotContain(product.Output, l => l.TrimStart().StartsWith("call the API", StringComparison.Ordinal));
    }

    private static string Said(ProductProcess product) => string.Join('\n', [.. product.Output, .. product.Errors]);
}
