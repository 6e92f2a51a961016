using System.Net;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Site;

/// <summary>Catches: links of public pages that lead nowhere.</summary>
public sealed class LinkTests(TestApp app) : IClassFixture<TestApp>
{
    [Fact]
    public async Task Every_link_leads_to_a_page_and_every_fragment_to_a_part()
    {
        using var browser = app.NewBrowser();
        var open = new Queue<string>(["/"]);
        var seen = new HashSet<string>(["/"], StringComparer.Ordinal);
        var broken = new List<string>();
        while (open.TryDequeue(out var path))
        {
            var answer = await browser.FollowAsync(await browser.GetAsync(path));
            if (answer.StatusCode != HttpStatusCode.OK) { broken.Add($"{path}: {(int)answer.StatusCode}"); continue; }
            var page = await TestBrowser.ParseAsync(answer);
            foreach (var link in page.QuerySelectorAll("a[href]").Select(a => a.GetAttribute("href")!))
            {
                if (!Uri.TryCreate(new Uri(app.Address, path), link, out var target) || target.Authority != app.Address.Authority) continue;
                if (target.Fragment.Length > 1 && target.AbsolutePath == path.Split('?')[0] && page.GetElementById(target.Fragment[1..]) is null) broken.Add($"{path}: {target.Fragment}");
                if (seen.Add(target.PathAndQuery)) open.Enqueue(target.PathAndQuery);
            }
        }
        Assert.True(broken.Count == 0, string.Join(Environment.NewLine, broken));
        Assert.True(seen.Count > 8);
    }
}
