using System.Diagnostics;
using Tracepipe.Storefront.Platform;
using Tracepipe.StripeSandbox;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Tests that share the one installed and compiled Node project.</summary>
[CollectionDefinition(nameof(OfficialClient))]
public sealed class OfficialClient : ICollectionFixture<NodeClientTests.Project>;

/// <summary>
/// Exists to catch: a sandbox that only our own client understands. The official Node client, of the version whose types
/// describe this API, runs the scenarios of <c>tests/stripe-node</c> and decides.
/// </summary>
[Collection(nameof(OfficialClient))]
public sealed class NodeClientTests(NodeClientTests.Project project)
{
    public static TheoryData<string> Scenarios => [.. Directory.EnumerateFiles(Path.Combine(Project.Folder, "scenarios"), "*.ts").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Scenarios))]
    public async Task The_official_client_goes_through(string scenario)
    {
        var (exit, output) = await project.ScenarioAsync(scenario, "sk_test_" + Guid.CreateVersion7().ToString("N"));
        TestContext.Current.TestOutputHelper?.WriteLine(output);
        Assert.True(exit == 0 && output.Contains("scenario passed", StringComparison.Ordinal), output);
        Assert.Empty(project.Sandbox.ContractViolations);
    }

    [Fact]
    public async Task The_stand_in_has_the_types_of_the_real_script()
    {
        var (exit, output) = await project.CompileAsync("tsconfig.browser.json");
        Assert.True(exit == 0, output);
    }

    [Theory]
    [InlineData("sk_live_1234567890abcdef")]
    [InlineData("rk_live_1234567890abcdef")]
    [InlineData("")]
    public async Task Nothing_is_run_with_a_live_key_or_none(string key)
    {
        var (exit, output) = await project.ScenarioAsync("customers", key);
        Assert.NotEqual(0, exit);
        Assert.Contains("test key", output, StringComparison.Ordinal);
        Assert.DoesNotContain("ok ", output, StringComparison.Ordinal);
    }

    /// <summary>The Node project, installed and compiled once a run, and a sandbox for it to talk to.</summary>
    public sealed class Project : IAsyncLifetime
    {
        public static string Folder { get; } = Path.Combine(Paths.Root, "tests", "stripe-node");

        public SandboxServer Sandbox { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Sandbox = await SandboxServer.StartAsync(new SandboxOptions { StrictResponses = true }, TimeProvider.System);
            var installed = new FileInfo(Path.Combine(Folder, "node_modules", ".package-lock.json"));
            if (!installed.Exists || installed.LastWriteTimeUtc < File.GetLastWriteTimeUtc(Path.Combine(Folder, "package-lock.json")))
            {
                await MustAsync(OperatingSystem.IsWindows() ? "npm.cmd" : "npm", "ci", "--no-audit", "--no-fund");
                installed.LastWriteTimeUtc = TimeProvider.System.GetUtcNow().UtcDateTime;
            }
            if (await CompileAsync("tsconfig.json") is (not 0, var errors)) throw new InvalidOperationException("The scenarios do not compile:\n" + errors);
        }

        public Task<(int Exit, string Output)> CompileAsync(string configuration) =>
            RunAsync("node", [Path.Combine("node_modules", "typescript", "bin", "tsc"), "-p", configuration]);

        public Task<(int Exit, string Output)> ScenarioAsync(string name, string key) =>
            RunAsync("node", [Path.Combine("dist", "scenarios", name + ".js")], new() { ["STRIPE_CONTRACT_BASE"] = Sandbox.Url.AbsoluteUri, ["STRIPE_CONTRACT_KEY"] = key });

        /// <summary>Runs one of the compiled programs of the project.</summary>
        public Task<(int Exit, string Output)> ProgramAsync(string program, string[] arguments, Dictionary<string, string>? environment = null) =>
            RunAsync("node", [Path.Combine("dist", program), .. arguments], environment);

        public ValueTask DisposeAsync() => Sandbox.DisposeAsync();

        private static async Task MustAsync(string program, params string[] arguments)
        {
            var (exit, output) = await RunAsync(program, arguments);
            if (exit != 0) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {exit}:\n{output}");
        }

        private static async Task<(int Exit, string Output)> RunAsync(string program, string[] arguments, Dictionary<string, string>? environment = null)
        {
            var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true };
            foreach (var (name, value) in environment ?? []) start.Environment[name] = value;
            using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var errors = process.StandardError.ReadToEndAsync(limit.Token);
            try
            {
                await process.WaitForExitAsync(limit.Token);
                return (process.ExitCode, await output + await errors);
            }
            catch (OperationCanceledException late)
            {
                process.Kill(entireProcessTree: true);
                throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end", late);
            }
        }
    }
}
