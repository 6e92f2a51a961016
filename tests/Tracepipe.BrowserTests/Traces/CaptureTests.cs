using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.Tests.Traces;

namespace Tracepipe.BrowserTests.Traces;

/// <summary>Catches: a guide that names categories the browser does not have, or whose steps end in a file that we refuse.</summary>
public sealed class CaptureTests(BrowserFixture browser, TracesApp app) : ProductTest(browser, app), IClassFixture<TracesApp>
{
    [Fact]
    public async Task The_printed_categories_exist_and_a_recording_with_them_is_taken()
    {
        var page = await OpenPageAsync();
        await page.GotoAsync(Url("/docs/capture?tool=tracing"));
        var rows = page.GetByRole(AriaRole.Region, new() { Name = "Event categories" }).Locator("tbody tr");
        var printed = new List<(string Name, string Select)>();
        foreach (var row in await rows.AllAsync())
            printed.Add((await row.Locator("td .keyline").InnerTextAsync(), (await row.Locator("td").Last.InnerTextAsync()).Trim()));
        Assert.True(printed.Count >= 7);

        var chromium = await page.Context.Browser!.NewBrowserCDPSessionAsync();
        var known = await CategoriesAsync(chromium);
        Assert.All(printed, p => Assert.Contains(p.Name, known));

        // The steps, by script: choose the categories, start, do the task, stop, save.
        var recorded = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        chromium.Event("Tracing.tracingComplete").OnEvent += (_, told) => recorded.TrySetResult(told!.Value.GetProperty("stream").GetString()!);
        await chromium.SendAsync("Tracing.start", new()
        {
            ["transferMode"] = "ReturnAsStream",
            ["traceConfig"] = new { includedCategories = printed.Where(p => p.Select is "Required" or "Recommended").Select(p => p.Name).ToArray(), excludedCategories = new[] { "*" } },
        });
        await page.GotoAsync(Url("/login"));
        await page.GetByLabel("Email").ClickAsync();
        await page.Keyboard.TypeAsync("maya");
        await chromium.SendAsync("Tracing.end");
        var handle = await recorded.Task.WaitAsync(TimeSpan.FromSeconds(30));
        var file = new StringBuilder();
        for (var isEnd = false; !isEnd;)
        {
            var part = (await chromium.SendAsync("IO.read", new() { ["handle"] = handle }))!.Value;
            file.Append(part.GetProperty("data").GetString());
            isEnd = part.GetProperty("eof").GetBoolean();
        }

        var key = (await app.NewFullKeyAsync(await app.NewOwnerAsync())).Secret;
        using var answer = await app.PostTraceAsync(key, TracesApp.Gzip(Encoding.UTF8.GetBytes(file.ToString())), "browsing", "trace_login.json.gz");
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.Created, body);
        using var summary = await app.CallAsync(key, $"/v1/sessions/{JsonElement.Parse(body).GetProperty("id").GetString()}/summary");
        var inputs = JsonElement.Parse(await summary.Content.ReadAsStringAsync()).GetProperty("input_events").EnumerateArray().ToDictionary(i => i.GetProperty("name").GetString()!, i => i.GetProperty("count").GetInt32());
        Assert.True(inputs["keydown"] >= 4 && inputs["click"] >= 1, body);
    }

    /// <summary>The categories that the browser knows. A browser that has just started answers none until its tracing service has heard of its processes.</summary>
    private static async Task<HashSet<string>> CategoriesAsync(ICDPSession chromium)
    {
        for (var patience = Stopwatch.StartNew(); ;)
        {
            var told = (await chromium.SendAsync("Tracing.getCategories"))!.Value.GetProperty("categories").EnumerateArray();
            var known = told.SelectMany(c => c.GetString()!.Split(',', StringSplitOptions.RemoveEmptyEntries)).ToHashSet(StringComparer.Ordinal);
            if (known.Count > 0) return known;
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(30), "The browser told of no category for 30 s.");
        }
    }
}
