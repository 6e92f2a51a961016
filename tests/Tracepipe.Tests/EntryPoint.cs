using Tracepipe.Tests.Faults;
using Tracepipe.Tests.Postgres;
using Xunit.Runner.InProc.SystemConsole;

namespace Tracepipe.Tests;

/// <summary>Runs the tests, or, for tests that kill the product's process, plays that process.</summary>
internal static class EntryPoint
{
    private static Task<int> Main(string[] arguments) => arguments switch
    {
        [PostgresHost.Mode, .. var rest] => PostgresHost.RunAsync(rest),
        [InboxNode.Mode, .. var rest] => InboxNode.RunAsync(rest),
        _ => ConsoleRunner.Run(arguments),
    };
}
