using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tracepipe.Storefront;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Faults;

/// <summary>
/// A process of its own in which the product's inbox worker runs on a test's database and sandbox account, so that a test can kill it. It stops dead at a
/// named place, says so and waits for its end.
/// </summary>
internal sealed class InboxNode : IDisposable
{
    public const string Mode = "--inbox-node";
    private const string Reached = "reached";

    private readonly Process process;

    private InboxNode(Process started) => process = started;

    /// <summary>Starts the child without waiting for it.</summary>
    /// <param name="app">Whose database and account.</param>
    /// <param name="ahead">How far its clock is ahead of the test's, so that the leases of nodes that were killed have run out.</param>
    public static InboxNode Begin(TestApp app, TimeSpan ahead)
    {
        var start = new ProcessStartInfo("dotnet",
            [typeof(InboxNode).Assembly.Location, Mode, app.ConnectionString, app.Servers.Sandbox.ToString().TrimEnd('/'), app.StripeKey, app.WebhookSecret, ahead.Ticks.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        return new InboxNode(Process.Start(start)!);
    }

    /// <summary>What the child does, a line of input at a time: sets everything up, works, arms a place, looks for work.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        var clock = new TestClock();
        clock.Advance(TimeSpan.FromTicks(long.Parse(arguments[4], CultureInfo.InvariantCulture)));
        // Not Development, which checks every service at the start, and no routes: nobody calls.
        await using var app = await StorefrontApp.StartAsync(CommandLine.Parse(["--environment", "Tests"]), Product.Modules with { Map = _ => { } }, builder =>
        {
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
            {
                ["ConnectionStrings:Tracepipe"] = arguments[0],
                ["Database:AllowUnsafeSettings"] = "true",
                ["Stripe:ApiBase"] = arguments[1],
                ["Stripe:ApiKey"] = arguments[2],
                ["Stripe:WebhookSecret"] = arguments[3],
            });
            builder.Services.AddSingleton<TimeProvider>(clock);
            builder.Logging.ClearProviders();
        }, listen: false, CancellationToken.None);
        await Console.In.ReadLineAsync();
        await app.Services.GetServices<IHostedService>().OfType<InboxWorker>().Single().StartAsync(CancellationToken.None);
        if (await Console.In.ReadLineAsync() is not { } place) return 0;
        app.Services.GetRequiredService<FaultPoints>().Reached = (at, _) =>
        {
            if (at != place) return Task.CompletedTask;
            Console.WriteLine(Reached);
            return new TaskCompletionSource().Task; // nothing more happens until the kill
        };
        app.Services.GetRequiredService<Inbox>().Bell.Ring();
        await Console.In.ReadToEndAsync();
        return 0;
    }

    /// <summary>Lets it work, as soon as it is set up.</summary>
    public Task WorkAsync() => process.StandardInput.WriteLineAsync("work");

    /// <summary>Sends it on to what is new, and waits until it stands at the place.</summary>
    public async Task ReachAsync(string place)
    {
        await process.StandardInput.WriteLineAsync(place);
        Assert.Equal(Reached, await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60)));
    }

    /// <summary><c>kill -9</c>.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    public void Dispose()
    {
        if (!process.HasExited) process.Kill();
        process.Dispose();
    }
}
