using System.Net;
using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.Tests.App;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.Keys;

/// <summary>Catches: a journey to the first key that no person can walk, a key that Back brings up again, a page that breaks in the dark, on a phone, or for a screen reader.</summary>
public sealed class KeyJourney(BrowserFixture browser, TestApp app) : ProductTest(browser, app), IClassFixture<TestApp>
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
        await PictureAsync(page, "keys/create-light");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Create key" }).ClickAsync();

        var field = page.GetByLabel("Your new API key");
        await Expect(field).ToBeVisibleAsync();
        await page.WaitForLoadStateAsync(); // a page without script shows it, too
        var key = await field.InputValueAsync();
        Assert.Matches("^tp_live_[0-9A-Za-z]{38}$", key);
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "“Data pipeline” is ready" })).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Escape"); // the secret does not vanish by accident
        await Expect(field).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Copy", Exact = true }).ClickAsync();
        Assert.Equal(key, await page.EvaluateAsync<string>("navigator.clipboard.readText()"));
        await page.GetByRole(AriaRole.Tab, new() { Name = ".env" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync($"TRACEPIPE_API_KEY={key}");
        await PictureAsync(page, "keys/created-light");
        using (var me = await App.CallAsync(key, "/v1/users/me")) Assert.Equal(HttpStatusCode.OK, me.StatusCode);

        await page.GetByRole(AriaRole.Button, new() { Name = "I have saved it" }).ClickAsync();
        await Expect(page).ToHaveURLAsync(Url(person, "/keys"));
        await Expect(page.GetByRole(AriaRole.Cell, new() { Name = key[..12] + "…" + key[^4..], Exact = true })).ToBeVisibleAsync();
        await page.GoBackAsync();
        Assert.DoesNotContain(key, await page.ContentAsync());

        await page.GotoAsync(Url(person, "/keys"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Revoke Data pipeline" }).ClickAsync();
        var question = page.GetByRole(AriaRole.Dialog, new() { Name = "Revoke “Data pipeline”?" });
        await Expect(question.GetByRole(AriaRole.Button, new() { Name = "Keep key" })).ToBeFocusedAsync();
        await PictureAsync(page, "keys/revoke-light");
        await question.GetByRole(AriaRole.Button, new() { Name = "Revoke key" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Status).Filter(new() { HasText = "Key revoked" }).First).ToBeVisibleAsync();
        using var refused = await App.CallAsync(key, "/v1/users/me");
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
        await PictureAsync(page, "keys/created-noscript");
        await page.GetByRole(AriaRole.Button, new() { Name = "I have saved it" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Revoke No script" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Revoke key" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "API keys" })).ToBeVisibleAsync();
        using var refused = await App.CallAsync(key, "/v1/users/me");
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Theory]
    [InlineData(1440)]
    [InlineData(390)]
    public async Task Nothing_is_wrong_for_axe_and_nothing_scrolls_sideways(int width)
    {
        var (page, person) = await SignedInAsync(Window(width));
        await page.GotoAsync(Url(person, "/keys"));
        await IsFlawlessAsync(page, $"keys/empty-{width}");
        foreach (var name in new[] { "Production ingest", "Nightly export", "A name that is as long as the form allows and wide enough for the table to think" })
            await person.Browser.SubmitAsync($"/o/{person.Slug}/keys/new", new() { ["Name"] = name }, "Create key");
        await App.ExecuteAsync($"update api_keys set expires_at = now() + interval '4 days' where organization_id = '{person.OrganizationId}' and name = 'Nightly export'");
        await page.GotoAsync(Url(person, "/keys"));
        await IsFlawlessAsync(page, $"keys/list-{width}");
        await page.GetByRole(AriaRole.Button, new() { Name = "Create key" }).ClickAsync();
        await IsFlawlessAsync(page, $"keys/create-{width}");
        await page.GetByRole(AriaRole.Dialog).GetByLabel("Name").FillAsync("Data pipeline");
        await page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Create key" }).ClickAsync();
        await Expect(page.GetByLabel("Your new API key")).ToBeVisibleAsync();
        await IsFlawlessAsync(page, $"keys/created-{width}");
    }
}
