using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Faults;

/// <summary>The product with a mail server that takes calls and never says a word.</summary>
public sealed class SilentMailApp : TestApp
{
    private readonly TcpListener server = new(IPAddress.Loopback, 0);

    public SilentMailApp(TestServers servers) : base(servers) => server.Start();

    /// <summary>Waits until the product has called the mail server.</summary>
    public ValueTask<Socket> CalledAsync(CancellationToken cancel) => server.AcceptSocketAsync(cancel);

    protected override void Configure(WebApplicationBuilder builder) => builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
    {
        ["Smtp:Host"] = "127.0.0.1",
        ["Smtp:Port"] = ((IPEndPoint)server.LocalEndpoint).Port.ToString(),
        ["Smtp:Tls"] = "false",
    });

    public override async ValueTask DisposeAsync()
    {
        server.Dispose();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}

/// <summary>Catches: a slow mail server that keeps a connection and a row of ours.</summary>
public sealed class SlowMailTests(SilentMailApp app) : IClassFixture<SilentMailApp>
{
    [Fact]
    public async Task No_transaction_waits_while_the_mail_server_is_silent()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var browser = app.NewBrowser();
        await browser.SubmitAsync("/register", new() { ["Name"] = "Ada", ["Email"] = "ada@example.com", ["Password"] = "a long walk in the rain" });
        using var call = await app.CalledAsync(patience.Token);
        Assert.Equal(0L, await app.ScalarAsync<long>("select count(*) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'"));
        Assert.Equal(1L, await app.ScalarAsync<long>("select count(*) from mails where state = 'queued' and tries = 1"));
        // Whoever wants the row gets it at once; a look for due mail finds none, because this one is being sent.
        await app.ExecuteAsync("set lock_timeout = '2s'; update mails set subject = subject where state = 'queued'");
    }
}
