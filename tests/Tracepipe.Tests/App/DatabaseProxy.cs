using System.Collections.Concurrent;
using System.Net.Sockets;
using Npgsql;

namespace Tracepipe.Tests.App;

/// <summary>A wire between the product and PostgreSQL that a test can cut: connections break at once and new ones are refused until it is mended.</summary>
public sealed class DatabaseProxy : IAsyncDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentDictionary<Socket, bool> open = new();
    private readonly string folder = Directory.CreateTempSubdirectory("tp-wire-").FullName;
    private readonly UnixDomainSocketEndPoint target;
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Task accepting;
    private volatile bool isCut;

    public DatabaseProxy(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        var name = $".s.PGSQL.{settings.Port}";
        target = new UnixDomainSocketEndPoint(Path.Combine(settings.Host!, name));
        settings.Host = folder;
        ConnectionString = settings.ConnectionString;
        listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(folder, name)));
        listener.Listen(200);
        accepting = AcceptAsync();
    }

    /// <summary>The way through the wire.</summary>
    public string ConnectionString { get; }

    public void Cut()
    {
        isCut = true;
        foreach (var socket in open.Keys) socket.Dispose();
        open.Clear();
    }

    public void Mend() => isCut = false;

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        Cut();
        listener.Dispose();
        await accepting;
        Directory.Delete(folder, recursive: true);
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var near = await listener.AcceptAsync(stop.Token);
                if (isCut) { near.Dispose(); continue; }
                var far = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await far.ConnectAsync(target, stop.Token);
                open[near] = open[far] = true;
                _ = PumpAsync(near, far);
                _ = PumpAsync(far, near);
            }
        }
        catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // the test is over
        }
    }

    private async Task PumpAsync(Socket from, Socket to)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer.AsMemory(), stop.Token) is > 0 and var read)
                for (var sent = 0; sent < read;) sent += await to.SendAsync(buffer.AsMemory(sent, read - sent), stop.Token);
        }
        catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // cut
        }
        from.Dispose();
        to.Dispose();
        open.TryRemove(from, out _);
        open.TryRemove(to, out _);
    }
}
