using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.Tests.App;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.Pages;

/// <summary>Catches: a failure of ours that leaves a person with a blank page, or with one that cannot be read.</summary>
public sealed class ErrorPages(BrowserFixture browser, TestApp app) : ProductTest(browser, app), IClassFixture<TestApp>
{
    [Fact]
    public async Task A_failure_on_our_side_has_a_page_in_every_window()
    {
        ExpectedComplaints.Add("500 (Internal Server Error)");
        var person = await App.NewPersonAsync();
        await App.ExecuteAsync("alter table api_keys rename to api_keys_of_another_version");
        var flaws = new List<string>();
        foreach (var width in new[] { 1440, 390 })
        {
            var page = await OpenPageAsync(person, Window(width));
            Assert.Equal(500, (await page.GotoAsync(Url(person, "/keys")))!.Status);
            await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("Something failed on our side");
            await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Try again" })).ToBeVisibleAsync();
            flaws.AddRange(await FlawsAsync(page, $"pages/500-{width}"));
        }
        await App.ExecuteAsync("alter table api_keys_of_another_version rename to api_keys");
        None(flaws);
    }
}
