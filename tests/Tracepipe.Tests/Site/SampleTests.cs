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
    public async Task The_samples_in_curl_run() => await RunsAsync("curl", (folder, code) => RunAsync("bash", folder, ["-euo", "pipefail", "-c", code]));

    [Fact]
    public async Task The_samples_in_Python_run()
    {
        var probe = await RunAsync("python3", ".", ["-c", "import requests"], mayBeAbsent: true);
        Assert.SkipUnless(probe.Status == 0, $"Python with its package requests is not on this machine: {probe.Errors.Trim()}");
        await RunsAsync("Python", (folder, code) => RunAsync("python3", folder, ["-c", code]));
    }

    [Fact]
    public async Task The_samples_in_JavaScript_run() => await RunsAsync("JavaScript", (folder, code) => RunAsync("node", folder, ["--input-type=module", "-e", code]));

    // By the compiler itself, without a project: the global usings are those of every new console program.
    [Fact]
    public async Task The_samples_in_CSharp_run() => await RunsAsync("C#", async (folder, code) =>
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
        var uploaded = JsonElement.Parse((await browser.PageAsync("/docs/quickstart")).GetElementById("upload-answer")!.TextContent);
        using var made = await app.CallAsync(key, "/v1/sessions", HttpMethod.Post, new MultipartFormDataContent { { new StringContent("checkout"), "suite_id" }, { new StringContent("""{"type":"click","time":1,"x":1,"y":2}"""), "trace", "a.jsonl" } });
        Assert.Equal(Members(uploaded), Members(JsonElement.Parse(await made.Content.ReadAsStringAsync())));
        foreach (var header in new[] { "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset" }) Assert.True(answer.Headers.Contains(header), header);
    }

    [Fact]
    public async Task The_input_events_that_the_page_shows_are_taken()
    {
        var (_, key) = await NewKeyAsync();
        using var browser = app.NewBrowser();
        var lines = (await browser.PageAsync("/docs/capture")).GetElementById("lines")!.TextContent;
        using var made = await app.CallAsync(key, "/v1/sessions", HttpMethod.Post, new MultipartFormDataContent { { new StringContent("browsing"), "suite_id" }, { new StringContent(lines), "trace", "checkout.jsonl" } });
        var session = JsonElement.Parse(await made.Content.ReadAsStringAsync());
        Assert.Equal(("input_lines", 5, 2400.0), (session.GetProperty("format").GetString(), session.GetProperty("events").GetInt32(), session.GetProperty("duration_ms").GetDouble()));
    }

    [Fact]
    public async Task What_Chromium_recorded_is_taken_and_the_page_s_commands_read_it()
    {
        var (_, key) = await NewKeyAsync();
        var file = await File.ReadAllBytesAsync(Path.Combine(Storefront.Platform.Paths.Root, "tests", "fixtures", "chromium.trace.json.gz")); // made by record-trace.mjs beside it
        using var made = await app.CallAsync(key, "/v1/sessions", HttpMethod.Post, new MultipartFormDataContent { { new StringContent("checkout"), "suite_id" }, { new ByteArrayContent(file), "trace", "Trace-20261121T120000.json.gz" } });
        var session = JsonElement.Parse(await made.Content.ReadAsStringAsync());
        Assert.Equal(("chrome_object", false), (session.GetProperty("format").GetString(), session.GetProperty("truncated").GetBoolean()));
        using var answer = await app.CallAsync(key, $"/v1/sessions/{session.GetProperty("id").GetString()}/summary");
        var summary = JsonElement.Parse(await answer.Content.ReadAsStringAsync());
        var inputs = summary.GetProperty("input_events").EnumerateArray().ToDictionary(i => i.GetProperty("name").GetString()!, i => i.GetProperty("count").GetInt32());
        Assert.Equal((2, 4), (inputs["click"], inputs["keydown"])); // what the script did
        Assert.Contains(summary.GetProperty("processes").EnumerateArray(), p => p.GetProperty("name").GetString() is "Renderer");

        using var browser = app.NewBrowser();
        var page = await browser.PageAsync("/docs/capture");
        var folder = Directory.CreateTempSubdirectory("tp-sample-").FullName;
        await File.WriteAllBytesAsync(Path.Combine(folder, "Trace-20261121T120000.json.gz"), file);
        var counted = await RunAsync("bash", folder, ["-euo", "pipefail", "-c", page.GetElementById("check")!.TextContent]);
        var addresses = await RunAsync("bash", folder, ["-eu", "-c", page.GetElementById("addresses")!.TextContent]);
        Directory.Delete(folder, recursive: true);
        Assert.Contains("\"type\":\"click\"", counted.Output, StringComparison.Ordinal);
        Assert.Equal((0, ""), (addresses.Status, addresses.Errors));
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

    /// <summary>Takes the samples from the page, runs each with a key in the environment, and looks whether the first printed whose key it is and the second made the session it printed.</summary>
    private async Task RunsAsync(string language, Func<string, string, Task<Run>> run)
    {
        var (person, key) = await NewKeyAsync();
        var page = await person.Browser.PageAsync("/docs/quickstart");
        Key.Value = key;
        var call = await RunsAsync("first-call");
        Assert.Contains(person.Name, call, StringComparison.Ordinal);
        Assert.Contains(person.Slug, call, StringComparison.Ordinal);
        var upload = await RunsAsync("upload");
        var stored = await app.ScalarAsync<string>($"select id || ' ' || suite_id || ' ' || (summary->>'events') from trace_sessions where organization_id = '{person.OrganizationId}'");
        Assert.Equal("checkout 2", stored[37..]);
        Assert.Contains(stored[..36], upload, StringComparison.Ordinal);

        async Task<string> RunsAsync(string id)
        {
            var tab = page.QuerySelectorAll("[role=tab]").First(t => t.TextContent.Trim() == language && t.Id!.StartsWith(id + "-", StringComparison.Ordinal));
            var code = page.GetElementById(tab.GetAttribute("aria-controls")!)!.TextContent;
            Assert.Contains(app.Address.ToString().TrimEnd('/'), code, StringComparison.Ordinal);
            var folder = Directory.CreateTempSubdirectory("tp-sample-").FullName;
            var done = await run(folder, code);
            Directory.Delete(folder, recursive: true);
            Assert.True(done.Status == 0, $"{language}, {id}: ended with {done.Status}: {done.Output}{done.Errors}");
            return done.Output;
        }
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
