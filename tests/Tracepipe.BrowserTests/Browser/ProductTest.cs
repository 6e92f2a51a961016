using Microsoft.Playwright;
using Tracepipe.Tests.App;

namespace Tracepipe.BrowserTests.Browser;

/// <summary>A test that walks the product: its pages by their addresses, people with their cookies, and what every page must be.</summary>
public abstract class ProductTest(BrowserFixture browser, TestApp app) : BrowserTest(browser)
{
    /// <summary>The product under test.</summary>
    protected TestApp App { get; } = app;

    /// <summary>Where a page stands.</summary>
    protected string Url(string path) => new Uri(App.Address, path).ToString();

    /// <summary>Where a page of a person's organization stands.</summary>
    protected string Url(TestPerson person, string path) => Url($"/o/{person.Slug}{path}");

    /// <summary>A page that carries the cookies of a person who has registered.</summary>
    protected async Task<(IPage Page, TestPerson Person)> SignedInAsync(BrowserNewContextOptions? options = null)
    {
        var person = await App.NewPersonAsync("Maya Okafor");
        return (await OpenPageAsync(person, options), person);
    }

    protected async Task<IPage> OpenPageAsync(TestPerson person, BrowserNewContextOptions? options = null)
    {
        options ??= new();
        options.Permissions = ["clipboard-read", "clipboard-write"];
        var page = await OpenPageAsync(options);
        await page.Context.AddCookiesAsync(person.Browser.Cookies.GetCookies(App.Address).Select(c => new Cookie { Name = c.Name, Value = c.Value, Url = App.Address.ToString(), HttpOnly = c.HttpOnly }));
        return page;
    }

    /// <summary>A window of this size, in px: a wide one in light colours, a narrow one in dark ones. A colour does not depend on the width, and every page is opened in both.</summary>
    protected static BrowserNewContextOptions Window(int width) => new()
    {
        ViewportSize = new() { Width = width, Height = width < 800 ? 844 : 900 },
        ColorScheme = width < 640 ? ColorScheme.Dark : ColorScheme.Light,
        ReducedMotion = ReducedMotion.Reduce,
    };

    /// <summary>What is wrong with a page as it stands: the rules of axe in the colours it was opened in, sideways scroll, at 360 px too.</summary>
    /// <param name="isOnlyHere">No other window is opened at this: its contrast in the other colours is looked at, too.</param>
    protected static async Task<IReadOnlyList<string>> FlawsAsync(IPage page, string picture, bool isOnlyHere = false)
    {
        List<string> flaws = [.. (await Axe.ViolationsAsync(page)).Select(v => $"{picture}: {v}")];
        var isDark = await page.EvaluateAsync<bool>("matchMedia('(prefers-color-scheme: dark)').matches");
        await PictureAsync(page, picture + (isDark ? "-dark" : "-light"));
        if ((isOnlyHere || WantsPictures) && page.Frames.Count == 1) // a form of Stripe's within it is told its colours once
        {
            await page.EmulateMediaAsync(new() { ColorScheme = isDark ? ColorScheme.Light : ColorScheme.Dark });
            if (isOnlyHere) flaws.AddRange((await Axe.ViolationsAsync(page, "color-contrast")).Select(v => $"{picture} in the other colours: {v}"));
            await PictureAsync(page, picture + (isDark ? "-light" : "-dark"));
            await page.EmulateMediaAsync(new() { ColorScheme = isDark ? ColorScheme.Dark : ColorScheme.Light });
        }
        if (await SlidesAsync(page)) flaws.Add(picture + ": scrolls sideways");
        if (page.ViewportSize is { Width: < 400 } size)
        {
            await page.SetViewportSizeAsync(360, size.Height);
            if (await SlidesAsync(page)) flaws.Add(picture + ": scrolls sideways at 360 px");
            await page.SetViewportSizeAsync(size.Width, size.Height);
        }
        return flaws;
    }

    /// <summary>Fails when anything is wrong with a page as it stands.</summary>
    protected static async Task IsFlawlessAsync(IPage page, string picture, bool isOnlyHere = false) => None(await FlawsAsync(page, picture, isOnlyHere));

    protected static void None(IReadOnlyList<string> flaws) => Assert.True(flaws.Count == 0, string.Join(Environment.NewLine, flaws));
}
