using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace Tracepipe.BrowserTests.Browser;

/// <summary>
/// A test that opens pages. What the browser complains about (script errors, console errors, violations of the content
/// security policy) fails the test unless it says that it expects them; a failed test leaves a screenshot of each page,
/// its document, and what it was waiting for.
/// </summary>
public abstract class BrowserTest(BrowserFixture fixture) : IAsyncLifetime
{
    // No test needs half of it. Not everything that is asked of a browser has a limit of its own, and one answer that never comes would hold up the whole run.
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(4);

    private readonly List<IBrowserContext> _contexts = [];
    private readonly CancellationTokenSource _over = new();
    private readonly ConcurrentQueue<string> _complaints = new();
    private readonly ConcurrentDictionary<IRequest, byte> _underWay = new();

    /// <summary>What the browser complained about so far, in order.</summary>
    protected IReadOnlyCollection<string> Complaints => _complaints;

    /// <summary>Complaints that contain one of these are part of the test.</summary>
    protected IList<string> ExpectedComplaints { get; } = [];

    public virtual ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>A page in a fresh context. Options: viewport, colour scheme, script switched off …</summary>
    protected async Task<IPage> OpenPageAsync(BrowserNewContextOptions? options = null)
    {
        var context = await fixture.Browser.NewContextAsync(options ?? new());
        _contexts.Add(context);
        if (_contexts.Count == 1) _ = EndAsync(TestContext.Current.TestOutputHelper);
        context.SetDefaultTimeout(30_000);
        await context.ExposeFunctionAsync("reportViolation", (string text) => _complaints.Enqueue(text));
        await context.AddInitScriptAsync(
            "addEventListener('securitypolicyviolation', e => reportViolation(`CSP of ${location.origin} blocked ${e.blockedURI} (${e.effectiveDirective})`))");
        context.Console += (_, message) => { if (message.Type == "error") _complaints.Enqueue($"console: {message.Text} ({message.Location})"); };
        context.Request += (_, request) => _underWay.TryAdd(request, 0);
        context.RequestFinished += (_, request) => _underWay.TryRemove(request, out byte _);
        context.RequestFailed += (_, request) => _underWay.TryRemove(request, out byte _);
        context.WebError += (_, error) => _complaints.Enqueue($"script: {error.Error}");
        return await context.NewPageAsync();
    }

    /// <summary>Keeps a picture of a page under the artifacts, for people to look at, when they ask for pictures (<c>TRACEPIPE_PICTURES=1</c>).</summary>
    protected static Task PictureAsync(IPage page, string name) => WantsPictures ? ShootAsync(page, name) : Task.CompletedTask;

    /// <summary>Fails when a page as it stands breaks a rule of axe or scrolls sideways; keeps a picture of it.</summary>
    protected static async Task IsSoundAsync(IPage page, string picture)
    {
        await PictureAsync(page, picture);
        var found = await Axe.ViolationsAsync(page);
        Assert.True(found.Count == 0, $"{picture} at {page.Url}: {string.Join("; ", found)}");
        Assert.False(await SlidesAsync(page), $"{picture} at {page.Url} scrolls sideways");
    }

    protected static Task<bool> SlidesAsync(IPage page) => page.EvaluateAsync<bool>("document.documentElement.scrollWidth > innerWidth");

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _over.CancelAsync();
        _over.Dispose();
        var failed = TestContext.Current.TestState?.Result == TestResult.Failed;
        var number = 0;
        foreach (var page in _contexts.SelectMany(c => c.Pages))
            if (failed) await KeepAsync(page, $"failed/{FileName(TestContext.Current.Test?.TestDisplayName)}-{++number}");
        foreach (var context in _contexts) await context.DisposeAsync();
        await CleanUpAsync();
        var unexpected = _complaints.Where(c => !ExpectedComplaints.Any(e => c.Contains(e, StringComparison.Ordinal))).ToList();
        if (!failed) Assert.True(unexpected.Count == 0, "The browser complained:\n" + string.Join('\n', unexpected));
    }

    /// <summary>Stops what the test started, after its pages are closed.</summary>
    protected virtual ValueTask CleanUpAsync() => ValueTask.CompletedTask;

    /// <summary>Ends a test that waits for ever: what it waits for fails with the pages that it closes.</summary>
    private async Task EndAsync(ITestOutputHelper? output)
    {
        try
        {
            await Task.Delay(Longest, _over.Token);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        output?.WriteLine($"Ended after {Longest.TotalMinutes:0} minutes, at {string.Join(", ", _contexts.SelectMany(c => c.Pages).Select(p => p.Url))}");
        foreach (var context in _contexts.ToList()) await context.CloseAsync();
    }

    /// <summary>Whether somebody wants to look at them.</summary>
    protected static bool WantsPictures { get; } = Environment.GetEnvironmentVariable("TRACEPIPE_PICTURES") == "1";

    private static Task ShootAsync(IPage page, string name) =>
        page.ScreenshotAsync(new() { Path = Path.Combine(BrowserFixture.Artifacts, name + ".png"), FullPage = true, Animations = ScreenshotAnimations.Disabled });

    private async Task KeepAsync(IPage page, string name)
    {
        await ShootAsync(page, name);
        var waiting = string.Join('\n', _underWay.Keys.Select(r => $"<!-- under way: {r.Method} {r.Url} -->"));
        await File.WriteAllTextAsync(Path.Combine(BrowserFixture.Artifacts, name + ".html"), $"{waiting}\n{await page.ContentAsync()}");
    }

    private static string FileName(string? test) => string.Concat((test ?? "test").Split('.')[^1].Select(c => char.IsLetterOrDigit(c) ? c : '_'));
}
