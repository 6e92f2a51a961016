using System.Runtime.InteropServices;

namespace Tracepipe.Storefront.Platform;

/// <summary>The program from its arguments to its exit code.</summary>
internal static partial class Startup
{
    /// <summary>After this long the start is over: caches are filled, workers have made their first turn.</summary>
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(6);

    /// <summary>Serves until it is stopped, or runs the subcommand or the self-test that the arguments name.</summary>
    /// <returns>0 when it went well, 1 when something outside prevented it (one sentence on standard error says what to do).</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, Composition compose)
    {
        using var stop = new CancellationTokenSource();
        ConsoleCancelEventHandler onCancel = (_, pressed) => { pressed.Cancel = true; stop.Cancel(); };
        Console.CancelKeyPress += onCancel;
        try
        {
            var command = CommandLine.Parse(args);
            if (command.Help) { await Console.Out.WriteLineAsync(Help); return 0; }
            if (command.SelfTest) return await Selftest.RunAsync(command, compose, stop.Token);
            if (command.Command is [var word, ..] && compose.Offline.TryGetValue(word, out var offline)) return await offline([.. command.Command.Skip(1)], Console.Out, stop.Token);
            if (command.Command.Count > 0) return await RunCommandAsync(command, compose, stop.Token);

            if (command.Demo && compose.Demo is { } demo) await demo(command, compose, Console.Out, stop.Token);
            await using var app = await StorefrontApp.StartAsync(command, compose, configure: null, listen: true, stop.Token);
            Console.CancelKeyPress -= onCancel; // from here on the host stops itself on Ctrl+C
            await Console.Out.WriteLineAsync($"Tracepipe is ready: {app.Address}");
            var end = app.Web.WaitForShutdownAsync(stop.Token);
            // What only the start needed goes back to the system, once.
            foreach (var giveBack in (Action[])[GiveBackHeap, GiveBackNative])
                if (await Task.WhenAny(end, Task.Delay(Settled, TimeProvider.System, stop.Token)) != end) giveBack();
            await end;
            return 0;
        }
        catch (StartupException reason)
        {
            await Console.Error.WriteLineAsync(reason.Message);
            return 1;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return 0;
        }
    }

    private static void GiveBackHeap() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);

    /// <summary>The thread of finalizers, whenever it is woken, frees what the compiler has not used since the time before; glibc keeps freed pages until it is told to return them.</summary>
    private static void GiveBackNative()
    {
        GC.WaitForPendingFinalizers();
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = Trim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // a C library that has no such call
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint keep);

    private static async Task<int> RunCommandAsync(CommandLine command, Composition compose, CancellationToken cancel)
    {
        await using var app = await StorefrontApp.StartAsync(command, compose, builder => builder.Logging.SetMinimumLevel(LogLevel.Warning), listen: false, cancel);
        var words = command.Command;
        var verbs = app.Services.GetServices<Subcommand>().ToList();
        var verb = verbs.Where(v => words.Take(v.Words.Count).SequenceEqual(v.Words, StringComparer.Ordinal)).MaxBy(v => v.Words.Count);
        if (verb is null)
            throw new StartupException($"There is no command “{string.Join(' ', words)}”. There are: {string.Join(", ", verbs.Select(v => v.Usage))}.");
        await using var scope = app.Services.CreateAsyncScope();
        return await verb.RunAsync(scope.ServiceProvider, [.. words.Skip(verb.Words.Count)], Console.Out, cancel);
    }

    private const string Help = """
        Tracepipe: a storefront that sells an API.

          (nothing)             serve on http://localhost:5080 with an embedded PostgreSQL and a payment sandbox
          --urls URL            listen elsewhere
          --data DIR            keep data in DIR (default: data at the repository's root)
          --sandbox-urls URL    the payment sandbox's address (default: http://127.0.0.1:5081)
          --demo                fill a demo account with 90 days of use before serving, and print its password once
          --selftest            start on free ports with a temporary data folder, walk the main journey, print PASS or FAIL
          operator add EMAIL    make a person an operator of this installation
          catalog diff | apply  compare catalog.json with what Stripe has, or make Stripe and the price list agree with it
          service-key create [--name NAME]   make a key for the sold API's backend and print it
          tier set ORG TIER [--until DATE]   give an organization a tier by contract; “free” takes it away
          invoice credit ORG RECORD --reason TEXT   take a usage record or an event off a finished invoice by a credit note
          reconcile [--repair true]   lay our books beside Stripe's, and mend what can be mended
          verify-invoice FILE   compute an invoice again from its proof, without database and network
          service-key list | revoke ID       show or end such keys
        """;
}

/// <summary>A verb of the command line, such as <c>operator add EMAIL</c>: a module registers it with <see cref="SubcommandExtensions.AddSubcommand"/>.</summary>
/// <param name="Words">The fixed words.</param>
/// <param name="Usage">How it is written, for messages.</param>
/// <param name="RunAsync">Does it; the rest of the words are its arguments. Returns the exit code; a <see cref="StartupException"/> becomes one sentence.</param>
internal sealed record Subcommand(IReadOnlyList<string> Words, string Usage, Func<IServiceProvider, IReadOnlyList<string>, TextWriter, CancellationToken, Task<int>> RunAsync);

internal static class SubcommandExtensions
{
    /// <summary>Adds a verb: <c>AddSubcommand("operator add", "EMAIL", …)</c>.</summary>
    public static IServiceCollection AddSubcommand(this IServiceCollection services, string words, string arguments, Func<IServiceProvider, IReadOnlyList<string>, TextWriter, CancellationToken, Task<int>> run) =>
        services.AddSingleton(new Subcommand(words.Split(' '), $"{words} {arguments}".TrimEnd(), run));
}
