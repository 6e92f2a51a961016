using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Webhooks;

/// <summary>Carries events to their endpoints, again when they do not arrive. Sleeps until something is due.</summary>
internal sealed class DeliveryWorker : BackgroundService
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };
    private static readonly TimeSpan LongestSleep = TimeSpan.FromMinutes(1);
    private readonly Accounts _accounts;
    private readonly ILogger<DeliveryWorker> _log;
    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false });
    private readonly ConcurrentDictionary<string, byte> _underWay = new();
    private readonly ConcurrentDictionary<Account, int> _busy = new();
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public DeliveryWorker(Accounts accounts, ILogger<DeliveryWorker> log)
    {
        _accounts = accounts;
        _log = log;
        accounts.Committed += _ => Wake();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var next = _accounts.All.Where(a => a.HasDeliveries).Min(account => (DateTimeOffset?)Start(account, stoppingToken));
            var sleep = (next ?? DateTimeOffset.MaxValue) - _accounts.Time.GetUtcNow();
            if (sleep <= TimeSpan.Zero) continue;
            await SleepAsync(sleep < LongestSleep ? sleep : LongestSleep, stoppingToken);
        }
    }

    public override void Dispose()
    {
        _http.Dispose();
        base.Dispose();
    }

    /// <summary>Starts what is due and says when the next one will be.</summary>
    private DateTimeOffset Start(Account account, CancellationToken stopping)
    {
        var waiting = account.Read(work => account.CommittedOfKind(Deliveries.Pending).Where(d => !_underWay.ContainsKey(d.Id)).OrderBy(Deliveries.Due).ThenBy(d => d.Sequence).ToList());
        var now = account.RealNow.ToUnixTimeMilliseconds();
        foreach (var delivery in waiting)
        {
            if (Deliveries.Due(delivery) > now) return DateTimeOffset.FromUnixTimeMilliseconds(Deliveries.Due(delivery));
            if (_busy.GetValueOrDefault(account) >= account.Options.Webhooks.Concurrency) return DateTimeOffset.MaxValue;
            if (!_underWay.TryAdd(delivery.Id, 0)) continue;
            _busy.AddOrUpdate(account, 1, (_, n) => n + 1);
            _ = DeliverAsync(account, delivery, stopping);
        }
        return DateTimeOffset.MaxValue;
    }

    private async Task DeliverAsync(Account account, Record delivery, CancellationToken stopping)
    {
        try
        {
            var (status, outcome) = await AttemptAsync(account, delivery, stopping);
            account.Write(null, work => Deliveries.Attempted(work, delivery.Id, status, outcome));
            _underWay.TryRemove(delivery.Id, out _);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Stays in the outbox: the next start sends it.
        }
        catch (Exception e)
        {
            // Stays marked as under way, so that a fault of our own is not repeated in a tight loop.
            _log.DeliveryBroke(e, delivery.Id);
        }
        finally
        {
            _busy.AddOrUpdate(account, 0, (_, n) => n - 1);
            Wake();
        }
    }

    private async Task<(int? Status, string Outcome)> AttemptAsync(Account account, Record delivery, CancellationToken stopping)
    {
        if (account.Chaos.DropsFirst && delivery.Hidden["attempt"]!.GetValue<long>() == 0) return (null, "lost on the way");
        var (url, secrets, told) = account.Read(work =>
        {
            var endpoint = work.Find("webhook_endpoint", delivery.Hidden["endpoint"]!.GetValue<string>());
            return (endpoint?["url"], endpoint is null ? [] : WebhookEndpoints.Secrets(endpoint, account.RealNow), Rendering.Render(work, delivery.Parent!));
        });
        if (url is null) return (null, "the endpoint is gone");
        var body = Encoding.UTF8.GetBytes(told.ToJsonString(account.Chaos.Indents() ? Indented : JsonSerializerOptions.Default));
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json", "utf-8");
        request.Headers.TryAddWithoutValidation("User-Agent", "Stripe/1.0 (billing sandbox)");
        request.Headers.TryAddWithoutValidation("Stripe-Signature", Signature.Header(secrets, account.RealNow, body));
        using var patience = new CancellationTokenSource(account.Options.Webhooks.Timeout, _accounts.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, stopping);
        try
        {
            using var response = await _http.SendAsync(request, either.Token);
            return ((int)response.StatusCode, response.ReasonPhrase ?? "");
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return (null, "no answer in time");
        }
        catch (HttpRequestException e)
        {
            return (null, e.HttpRequestError.ToString());
        }
    }

    private void Wake() => _wake.Writer.TryWrite(true);

    private async Task SleepAsync(TimeSpan time, CancellationToken stopping)
    {
        using var alarm = new CancellationTokenSource(time, _accounts.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(alarm.Token, stopping);
        try
        {
            await _wake.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            // The alarm rang: something is due.
        }
    }
}

internal static partial class DeliveryLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "Billing sandbox: delivery {Delivery} could not be made")]
    public static partial void DeliveryBroke(this ILogger log, Exception e, string delivery);
}
