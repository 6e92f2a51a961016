using Tracepipe.Tests.App;
using Tracepipe.Tests.StripeSandbox;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>The product with a Stripe in a process of its own, which can be killed and started again where it was.</summary>
public sealed class ApartApp(TestServers servers) : UsageInvoiceApp(servers)
{
    private readonly string folder = Directory.CreateTempSubdirectory("tp-stripe-").FullName;
    private SandboxProcess stripe = null!;

    public override Uri StripeAddress => stripe.Url;

    public override async ValueTask InitializeAsync()
    {
        stripe = await StartAsync(port: 0);
        await base.InitializeAsync();
    }

    /// <summary><c>kill -9</c>, and a new process on the same port with the same journal.</summary>
    public async Task KillStripeAsync()
    {
        var (old, port) = (stripe, stripe.Url.Port);
        await old.KilledAsync();
        stripe = await StartAsync(port);
        await old.DisposeAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        var health = await Http.GetStringAsync(new Uri(StripeAddress, "/_sandbox/health"));
        await base.DisposeAsync();
        await stripe.DisposeAsync();
        Directory.Delete(folder, recursive: true);
        GC.SuppressFinalize(this);
        Assert.Contains("\"violations\":[]", health, StringComparison.Ordinal);
    }

    private Task<SandboxProcess> StartAsync(int port) =>
        SandboxProcess.StartAsync(folder, port, ("Sandbox__Billing__UsageLag", "00:00:00"), ("Sandbox__Billing__CheckoutWebhookDelay", "00:00:00"));
}
