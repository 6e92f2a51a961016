namespace Tracepipe.Storefront.Billing;

/// <summary>
/// Whether pages say that no real money moves: the key is a test key, and who answers at its API's address says of itself that it is a sandbox. Stripe's own
/// test mode has no such address and shows no sign.
/// </summary>
internal sealed partial class SandboxSign(StripeConnection stripe, IConfiguration configuration, ILogger<SandboxSign> log) : BackgroundService
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3), Pause = TimeSpan.FromSeconds(30);

    private readonly Uri? address = stripe is { IsConfigured: true, IsLive: false } && Uri.TryCreate(configuration["Stripe:ApiBase"], UriKind.Absolute, out var api)
        && !api.Host.EndsWith("stripe.com", StringComparison.OrdinalIgnoreCase) ? new Uri(api, "/_sandbox/health") : null;

    private volatile bool isShown;

    public bool IsShown => isShown;

    // Asked before the first page is served; a sandbox that starts later is found soon after.
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (address is not null) isShown = await AskAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause);
        while (address is not null && !isShown && await timer.WaitForNextTickAsync(stoppingToken)) isShown = await AskAsync(stoppingToken);
    }

    private async Task<bool> AskAsync(CancellationToken cancel)
    {
        try
        {
            using var http = new HttpClient { Timeout = Patience };
            using var answer = await http.GetAsync(address, cancel);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception failure) when (failure is HttpRequestException or TaskCanceledException && !cancel.IsCancellationRequested)
        {
            Silent(log, address!.GetLeftPart(UriPartial.Authority));
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Nobody answers at {Address} yet")]
    private static partial void Silent(ILogger log, string address);
}
