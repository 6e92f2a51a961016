using System.Net;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.Tests.App;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.Keys;

/// <summary>Catches: a journey to the first key that no person can walk, a key that Back brings up again, a page that breaks in the dark, on a phone, or for a screen reader.</summary>
public sealed class KeyJourney(BrowserFixture browser, TestApp app) : BrowserTest(browser), IClassFixture<TestApp>
{
    [Fact]
    public async Task A_person_creates_copies_calls_and_revokes()
    {
        var (page, person) = await SignedInAsync();
        await page.GotoAsync(Url(person, "/keys"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Create key" }).ClickAsync();
        var dialog = page.GetByRole(AriaRole.Dialog, new() { Name = "Create an API key" });
        await Expect(dialog.GetByLabel("Name")).ToBeFocusedAsync();
        await dialog.GetByLabel("Name").FillAsync("Data pipeline");
        await dialog.GetByLabel("Expires").SelectOptionAsync("In 90 days");
        await dialog.GetByLabel("Read billing").CheckAsync();
        await PictureAsync(page, "keys-create-light");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Create key" }).ClickAsync();

        var field = page.GetByLabel("Your new API key");
        await Expect(field).ToBeVisibleAsync();
        var key = await field.InputValueAsync();
        Assert.Matches("^tp_live_[0-9A-Za-z]{38}$", key);
        await Expect(page.Locator("#created")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Escape"); // the secret does not vanish by accident
        await Expect(field).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Copy", Exact = true }).ClickAsync();
        Assert.Equal(key, await page.EvaluateAsync<string>("navigator.clipboard.readText()"));
        await page.GetByRole(AriaRole.Tab, new() { Name = ".env" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync($"TRACEPIPE_API_KEY={key}");
        await PictureAsync(page, "keys-created-light");
        using (var me = await app.CallAsync(key, "/v1/users/me")) Assert.Equal(HttpStatusCode.OK, me.StatusCode);

        await page.GetByRole(AriaRole.Button, new() { Name = "I have saved it" }).ClickAsync();
        await Expect(page).ToHaveURLAsync(Url(person, "/keys") + "?");
        await Expect(page.GetByText(key[..12] + "…" + key[^4..]).First).ToBeVisibleAsync();
        await page.GoBackAsync();
        Assert.DoesNotContain(key, await page.ContentAsync());

        await page.GotoAsync(Url(person, "/keys"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Revoke Data pipeline" }).ClickAsync();
        var question = page.GetByRole(AriaRole.Dialog, new() { Name = "Revoke “Data pipeline”?" });
        await Expect(question.GetByRole(AriaRole.Button, new() { Name = "Keep key" })).ToBeFocusedAsync();
        await PictureAsync(page, "keys-revoke-light");
        await question.GetByRole(AriaRole.Button, new() { Name = "Revoke key" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Status).Filter(new() { HasText = "Key revoked" }).First).ToBeVisibleAsync();
        using var refused = await app.CallAsync(key, "/v1/users/me");
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Fact]
    public async Task Without_script_the_same_journey_works()
    {
        var (page, person) = await SignedInAsync(new() { JavaScriptEnabled = false });
        await page.GotoAsync(Url(person, "/keys"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Create key" }).ClickAsync();
        await Expect(page).ToHaveURLAsync(Url(person, "/keys/new") + "?");
        await page.GetByLabel("Name").FillAsync("No script");
        await page.GetByRole(AriaRole.Button, new() { Name = "Create key" }).ClickAsync();
        var key = await page.GetByLabel("Your new API key").InputValueAsync();
        await PictureAsync(page, "keys-created-noscript");
        await page.GetByRole(AriaRole.Button, new() { Name = "I have saved it" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Revoke No script" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Revoke key" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "API keys" })).ToBeVisibleAsync();
        using var refused = await app.CallAsync(key, "/v1/users/me");
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Theory]
    [InlineData("light", 1440, 900)]
    [InlineData("dark", 1440, 900)]
    [InlineData("light", 390, 844)]
    [InlineData("dark", 360, 740)]
    public async Task Nothing_is_wrong_for_axe_and_nothing_scrolls_sideways(string theme, int width, int height)
    {
        var (page, person) = await SignedInAsync(new() { ViewportSize = new() { Width = width, Height = height }, ColorScheme = theme == "dark" ? ColorScheme.Dark : ColorScheme.Light });
        await page.GotoAsync(Url(person, "/keys"));
        await CheckAsync(page, $"keys-empty-{theme}-{width}");
        foreach (var name in new[] { "Production ingest", "Nightly export", "A name that is as long as the form allows and so wide that the table has to think of something for it" })
            await person.Browser.SubmitAsync($"/o/{person.Slug}/keys/new", new() { ["Name"] = name }, "Create key");
        await app.ExecuteAsync($"update api_keys set expires_at = now() + interval '4 days' where organization_id = '{person.OrganizationId}' and name = 'Nightly export'");
        await page.GotoAsync(Url(person, "/keys"));
        await CheckAsync(page, $"keys-{theme}-{width}");
        await page.GetByRole(AriaRole.Button, new() { Name = "Create key" }).ClickAsync();
        await CheckAsync(page, $"keys-create-{theme}-{width}");
        await page.GetByRole(AriaRole.Dialog).GetByLabel("Name").FillAsync("Data pipeline");
        await page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Create key" }).ClickAsync();
        await Expect(page.GetByLabel("Your new API key")).ToBeVisibleAsync();
        await CheckAsync(page, $"keys-created-{theme}-{width}");
    }

    private static async Task CheckAsync(IPage page, string picture)
    {
        await page.ScreenshotAsync(new() { Path = Path.Combine(BrowserFixture.Artifacts, picture + ".png"), Animations = ScreenshotAnimations.Disabled });
        var result = await page.RunAxe();
        Assert.True(result.Violations.Length == 0, picture + ": " + string.Join("; ", result.Violations.Select(v => $"{v.Id}: {v.Help} ({string.Join(", ", v.Nodes.Select(n => n.Html).Take(3))})")));
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"), picture + " scrolls sideways");
    }

    private string Url(TestPerson person, string path) => new Uri(app.Address, $"/o/{person.Slug}{path}").ToString();

    /// <summary>A page that carries the cookies of a person who has registered.</summary>
    private async Task<(IPage Page, TestPerson Person)> SignedInAsync(BrowserNewContextOptions? options = null)
    {
        var person = await app.NewPersonAsync("Maya Okafor");
        options ??= new();
        options.Permissions = ["clipboard-read", "clipboard-write"];
        var page = await OpenPageAsync(options);
        await page.Context.AddCookiesAsync(person.Browser.Cookies.GetCookies(app.Address).Select(c => new Microsoft.Playwright.Cookie { Name = c.Name, Value = c.Value, Url = app.Address.ToString(), HttpOnly = c.HttpOnly }));
        return (page, person);
    }
}
