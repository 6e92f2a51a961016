using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Tracepipe.Tests.Billing;

/// <summary>The line between the product and Stripe. While it is cut nothing listens at its end, as when Stripe is down.</summary>
public sealed class StripeLine : IDisposable
{
    private readonly Uri stripe;
    private readonly int port;
    private readonly ConcurrentDictionary<Socket, bool> open = new();
    private TcpListener? listener;

    public StripeLine(Uri stripe)
    {
        this.stripe = stripe;
        listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        port = ((IPEndPoint)listener.LocalEndpoint).Port;
        _ = AcceptAsync(listener);
    }

    public string Address => $"http://127.0.0.1:{port}";

    public void Cut()
    {
        listener?.Dispose();
        listener = null;
        foreach (var socket in open.Keys) socket.Dispose();
        open.Clear();
    }

    public void Mend()
    {
        listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        _ = AcceptAsync(listener);
    }

    public void Dispose() => Cut();

    private async Task AcceptAsync(TcpListener at)
    {
        try
        {
            while (true)
            {
                var near = await at.AcceptSocketAsync();
                var far = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await far.ConnectAsync(IPAddress.Loopback, stripe.Port);
                open[near] = open[far] = true;
                _ = PumpAsync(near, far);
                _ = PumpAsync(far, near);
            }
        }
        catch (Exception ended) when (ended is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // cut
        }
    }

    private async Task PumpAsync(Socket from, Socket to)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer.AsMemory()) is > 0 and var read)
                for (var sent = 0; sent < read;) sent += await to.SendAsync(buffer.AsMemory(sent, read - sent));
        }
        catch (Exception ended) when (ended is SocketException or ObjectDisposedException)
        {
            // cut
        }
        from.Dispose();
        to.Dispose();
        open.TryRemove(from, out _);
        open.TryRemove(to, out _);
    }
}
