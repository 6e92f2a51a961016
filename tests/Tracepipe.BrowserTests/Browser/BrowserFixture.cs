using Microsoft.Playwright;
using Tracepipe.Storefront.Platform;

[assembly: AssemblyFixture(typeof(Tracepipe.BrowserTests.Browser.BrowserFixture))]

namespace Tracepipe.BrowserTests.Browser;

/// <summary>The one Chromium of a test run. Every test gets a context of its own from it: own cookies, own storage.</summary>
public sealed class BrowserFixture : IAsyncLifetime
{
    private static readonly string[] Flags =
        ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];

    private IPlaywright? _playwright;

    public IBrowser Browser { get; private set; } = default!;

    /// <summary>Where screenshots of failures and of pages to look at go.</summary>
    public static string Artifacts { get; } = Path.Combine(Paths.Root, "artifacts", "browser");

    public async ValueTask InitializeAsync()
    {
        Assertions.SetDefaultExpectTimeout(30_000); // a busy machine is slower than the usual five seconds
        _playwright = await Playwright.CreateAsync();
        Browser = await _playwright.Chromium.LaunchAsync(new() { ExecutablePath = Chromium(), Args = Flags });
    }

    public async ValueTask DisposeAsync()
    {
        if (Browser is not null) await Browser.DisposeAsync();
        _playwright?.Dispose();
    }

    /// <summary>The installed browser: <c>CHROMIUM_PATH</c>, or the first of the usual names on the PATH. The shell without windows comes first: it opens a page in a quarter of the time.</summary>
    private static string Chromium()
    {
        if (Environment.GetEnvironmentVariable("CHROMIUM_PATH") is { Length: > 0 } configured) return configured;
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Prepend("/usr/bin");
        string[] names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome.exe"];
        return names.SelectMany(name => folders.Select(folder => Path.Combine(folder, name))).FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException("No Chromium found: install the package chromium, or set CHROMIUM_PATH.");
    }
}
