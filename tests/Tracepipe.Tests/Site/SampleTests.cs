using System.Diagnostics;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Site;

/// <summary>Catches: a sample of the documentation that does not run as it stands there, or an answer that the product does not give. The code is read from the page, as a reader copies it.</summary>
public sealed partial class SampleTests(TestApp app) : IClassFixture<TestApp>
{
    [Fact]
    public async Task The_call_in_curl_says_whose_key_it_is() => await RunsAsync("curl", (folder, code) => RunAsync("bash", folder, ["-euo", "pipefail", "-c", code]));

    [Fact]
    public async Task The_call_in_Python_says_whose_key_it_is()
    {
        var probe = await RunAsync("python3", ".", ["-c", "import requests"], mayBeAbsent: true);
        Assert.SkipUnless(probe.Status == 0, $"Python with its package requests is not on this machine: {probe.Errors.Trim()}");
        await RunsAsync("Python", (folder, code) => RunAsync("python3", folder, ["-c", code]));
    }

    [Fact]
    public async Task The_call_in_JavaScript_says_whose_key_it_is() => await RunsAsync("JavaScript", (folder, code) => RunAsync("node", folder, ["--input-type=module", "-e", code]));

    // By the compiler itself, without a project: the global usings are those of every new console program.
    [Fact]
    public async Task The_call_in_CSharp_says_whose_key_it_is() => await RunsAsync("C#", async (folder, code) =>
    {
        await File.WriteAllTextAsync(Path.Combine(folder, "Program.cs"), code);
        await File.WriteAllTextAsync(Path.Combine(folder, "Usings.cs"), "global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq; global using System.Net.Http; global using System.Threading; global using System.Threading.Tasks;");
        var runtime = RuntimeEnvironment.GetRuntimeDirectory();
        var references = Directory.GetFiles(runtime, "System*.dll").Where(f => !f.Contains("Native", StringComparison.Ordinal)).Select(f => $"-r:{f}");
        var compiled = await RunAsync("dotnet", folder, ["exec", await CompilerAsync(), "-nologo", "-nullable:enable", "-langversion:latest", "-out:sample.dll", .. references, "Program.cs", "Usings.cs"]);
        if (compiled.Status != 0) return compiled;
        await File.WriteAllTextAsync(Path.Combine(folder, "sample.runtimeconfig.json"), $$"""{"runtimeOptions":{"framework":{"name":"Microsoft.NETCore.App","version":"{{Environment.Version}}"} } }""");
        return await RunAsync("dotnet", folder, ["exec", "sample.dll"]);
    });

    [Fact]
    public async Task The_answer_has_the_members_that_the_page_shows()
    {
        var (_, key) = await NewKeyAsync();
        using var browser = app.NewBrowser();
        var shown = JsonElement.Parse((await browser.PageAsync("/docs/quickstart")).GetElementById("first-answer")!.TextContent);
        using var answer = await app.CallAsync(key, "/v1/users/me");
        Assert.Equal(Members(shown), Members(JsonElement.Parse(await answer.Content.ReadAsStringAsync())));
        foreach (var header in new[] { "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset" }) Assert.True(answer.Headers.Contains(header), header);
    }

    [Fact]
    public async Task The_count_of_input_events_counts_them()
    {
        using var browser = app.NewBrowser();
        var code = (await browser.PageAsync("/docs/capture")).GetElementById("check")!.TextContent;
        var folder = Directory.CreateTempSubdirectory("tp-sample-").FullName;
        await using (var file = new GZipStream(File.Create(Path.Combine(folder, "Trace-20261121T120000.json.gz")), CompressionLevel.Fastest))
            await file.WriteAsync(Encoding.UTF8.GetBytes("""{"traceEvents":[{"args":{"data":{"type":"click"}}},{"args":{"data":{"type":"click"}}},{"args":{"data":{"type":"keydown"}}},{"args":{"data":{"type":"mousemove"}}}]}"""));
        var counted = await RunAsync("bash", folder, ["-euo", "pipefail", "-c", code]);
        Directory.Delete(folder, recursive: true);
        Assert.Equal(["2 \"type\":\"click\"", "1 \"type\":\"keydown\""], counted.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
    }

    /// <summary>Takes the sample from the page, runs it with a key in the environment, and looks whether it printed whose key it is.</summary>
    private async Task RunsAsync(string language, Func<string, string, Task<Run>> run)
    {
        var (person, key) = await NewKeyAsync();
        var page = await person.Browser.PageAsync("/docs/quickstart");
        var tab = page.QuerySelectorAll("[role=tab]").First(t => t.TextContent.Trim() == language && t.Id!.StartsWith("first-call", StringComparison.Ordinal));
        var code = page.GetElementById(tab.GetAttribute("aria-controls")!)!.TextContent;
        Assert.Contains(app.Address.ToString().TrimEnd('/'), code, StringComparison.Ordinal);
        var folder = Directory.CreateTempSubdirectory("tp-sample-").FullName;
        Key.Value = key;
        var done = await run(folder, code);
        Directory.Delete(folder, recursive: true);
        Assert.True(done.Status == 0, $"{language} ended with {done.Status}: {done.Output}{done.Errors}");
        Assert.Contains(person.Name, done.Output, StringComparison.Ordinal);
        Assert.Contains(person.Slug, done.Output, StringComparison.Ordinal);
    }

    private static readonly AsyncLocal<string> Key = new();

    private async Task<(TestPerson Person, string Key)> NewKeyAsync()
    {
        var person = await app.NewPersonAsync("Maya Okafor");
        var made = await TestBrowser.ParseAsync(await person.Browser.SubmitAsync($"/o/{person.Slug}/keys/new", new() { ["Name"] = "Sample" }, "Create key"));
        return (person, made.GetElementById("new-key")!.GetAttribute("value")!);
    }

    private static async Task<string> CompilerAsync()
    {
        var sdks = await RunAsync("dotnet", ".", ["--list-sdks"]);
        var newest = ListedSdk().Matches(sdks.Output)[^1];
        return Path.Combine(newest.Groups["folder"].Value, newest.Groups["version"].Value, "Roslyn", "bincore", "csc.dll");
    }

    private static async Task<Run> RunAsync(string program, string folder, string[] arguments, bool mayBeAbsent = false)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["TRACEPIPE_API_KEY"] = Key.Value ?? "";
        try
        {
            using var process = Process.Start(start)!;
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            return new Run(process.ExitCode, await output, await errors);
        }
        catch (System.ComponentModel.Win32Exception absent) when (mayBeAbsent)
        {
            return new Run(-1, "", absent.Message);
        }
    }

    private static string Members(JsonElement of) => of.ValueKind == JsonValueKind.Object ? $"{{{string.Join(", ", of.EnumerateObject().Select(m => m.Name + Members(m.Value)))}}}" : $":{of.ValueKind}";

    [GeneratedRegex(@"^(?<version>\S+) \[(?<folder>.+)\]", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ListedSdk();

    private sealed record Run(int Status, string Output, string Errors);
}
