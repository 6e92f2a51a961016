using System.Globalization;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http.Features;

namespace Tracepipe.Storefront.Platform;

/// <summary>
/// The stream of server-sent events that an open page listens to: <c>event: changed</c> with a topic. It carries no data of anybody; what changed is fetched
/// with the reader's own rights.
/// </summary>
internal sealed class LiveStream(LiveHub hub, IHostApplicationLifetime lifetime, TimeProvider clock)
{
    /// <summary>Something is sent at least so often: proxies cut what is silent, and a page that is gone is noticed.</summary>
    public static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    /// <summary>Then the page connects again, and whether it may is asked again.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(15);

    /// <summary>Writes until the page goes, the product stops, or the stream is old.</summary>
    /// <param name="rendered">Query or header of the page: milliseconds since 1970 when it was rendered.</param>
    public async Task ServeAsync(HttpContext context, Guid organization, Guid person, string? rendered)
    {
        var response = context.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-store";
        response.Headers["X-Accel-Buffering"] = "no"; // nginx would hold it back
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        end.CancelAfter(Longest);
        using var listener = hub.Join(organization, person, Age(rendered));
        try
        {
            await response.WriteAsync("retry: 1000\n\n", end.Token);
            await response.Body.FlushAsync(end.Token);
            while (await WaitAsync(listener.Heard, end.Token) is { } isMore)
            {
                if (!isMore) await response.WriteAsync(": still here\n\n", end.Token);
                while (listener.Heard.TryRead(out var topic)) await response.WriteAsync($"event: changed\ndata: {topic}\n\n", end.Token);
                await response.Body.FlushAsync(end.Token);
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // the page was left, or we stop: either way the stream is over
        }
    }

    /// <returns>True when something was heard, false when nothing was for a heartbeat, null when the stream has to give way.</returns>
    private static async Task<bool?> WaitAsync(ChannelReader<string> heard, CancellationToken cancel)
    {
        using var beat = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        beat.CancelAfter(Heartbeat);
        try
        {
            return await heard.WaitToReadAsync(beat.Token) ? true : null;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return false;
        }
    }

    // Nodes' clocks may differ a little: rather told twice than never.
    private TimeSpan? Age(string? rendered) =>
        long.TryParse(rendered, NumberStyles.None, CultureInfo.InvariantCulture, out var at) ? clock.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(Math.Min(at, 253_402_300_799_999)) + TimeSpan.FromSeconds(2) : null;
}
