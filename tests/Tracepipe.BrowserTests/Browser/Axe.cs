using System.Text.Json;
using Deque.AxeCore.Commons;
using Microsoft.Playwright;

namespace Tracepipe.BrowserTests.Browser;

/// <summary>The accessibility rules of axe, held against a page and the frames within it as they stand.</summary>
internal static class Axe
{
    // What passed is of no interest and, sent over, would cost more than the check itself. Frames of another origin (the card form) are checked, too.
    private const string Prepare = "; axe.configure({ allowedOrigins: ['<unsafe_all_origins>'] });";
    private const string Run = "async rules => JSON.stringify((await axe.run(document, { resultTypes: ['violations'], ...(rules.length ? { runOnly: rules } : {}) })).violations.map(v => `${v.id}: ${v.help} (${v.nodes.slice(0, 3).map(n => `${n.html} ${n.any[0]?.message ?? ''}`).join(' | ')})`))";
    // A page that is still coming may have its text before its style. Asked again and again: Chromium does not always tell the end of an animation that is over within a frame.
    private const string Settled = """
        async () => {
          const moving = () => document.getAnimations().filter(a => Number.isFinite(a.effect?.getComputedTiming().endTime) && a.playState === 'running');
          for (const end = performance.now() + 20_000; document.readyState !== 'complete' || moving().length; ) {
            if (performance.now() > end) throw new Error(`The page is ${document.readyState}, and moves: ${moving()[0]?.effect.target?.outerHTML.slice(0, 200)}`);
            await new Promise(resolve => setTimeout(resolve, 20));
          }
        }
        """;

    private static readonly Lazy<string> Source = new(() => new BundledAxeScriptProvider().GetScript() + Prepare);

    /// <summary>Each broken rule in a line, with the first elements that break it.</summary>
    /// <param name="rules">Only these rules; none for all.</param>
    public static async Task<IReadOnlyList<string>> ViolationsAsync(IPage page, params string[] rules)
    {
        await page.EvaluateAsync(Settled);
        foreach (var frame in page.Frames)
            if (await frame.EvaluateAsync<bool>("typeof axe === 'undefined'")) await frame.EvaluateAsync(Source.Value);
        return JsonSerializer.Deserialize<List<string>>(await page.EvaluateAsync<string>(Run, rules))!;
    }
}
