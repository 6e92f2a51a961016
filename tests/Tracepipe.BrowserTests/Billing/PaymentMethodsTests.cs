using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.BrowserTests.StripeSandbox;
using Tracepipe.Tests.App;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.Billing;

/// <summary>Catches: a card form that opens nothing, a refusal that nobody reads, a card that is saved twice or by half, a removal without a question.</summary>
public sealed class PaymentMethodsTests(BrowserFixture browser, TestApp app) : ProductTest(browser, app), IClassFixture<TestApp>
{
    private const string Visa = "4242 4242 4242 4242";

    [Theory]
    [InlineData(1440)]
    [InlineData(390)]
    public async Task A_card_is_saved_and_listed_as_the_default(int width)
    {
        var (page, person, walk) = await OpenAsync(width);
        await Expect(page.GetByText("No card yet")).ToBeVisibleAsync();
        await walk.Add.ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Add a card" })).ToBeFocusedAsync();
        await Expect(walk.Add).ToBeHiddenAsync(); // one primary action at a time
        await walk.Form.SaveAsync(Visa);
        await Expect(walk.Toast).ToContainTextAsync("Card saved.");
        await Expect(page).ToHaveURLAsync(Url(person, PaymentMethodsWalk.Path));
        await Expect(walk.Cards).ToHaveCountAsync(1);
        var row = walk.Row("Visa ending in 4242");
        await Expect(row).ToContainTextAsync("•••• 4242");
        await Expect(row).ToContainTextAsync("Expires 12/2034");
        await Expect(row.GetByText("Default", new() { Exact = true })).ToBeVisibleAsync();
        await Expect(walk.Panel).ToBeHiddenAsync();
        Assert.Equal(1, await OnFileAsync(person));
        await page.ReloadAsync();
        await Expect(walk.Cards).ToHaveCountAsync(1);
        await Expect(walk.Toast).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task A_press_before_the_script_has_come_is_not_lost()
    {
        var (page, person) = await SignedInAsync();
        var walk = new PaymentMethodsWalk(page);
        var isHere = new TaskCompletionSource();
        await page.RouteAsync("**/add-card*", async route =>
        {
            await isHere.Task;
            await route.ContinueAsync();
        });
        await page.GotoAsync(Url(person, PaymentMethodsWalk.Path), new() { WaitUntil = WaitUntilState.Commit });
        await walk.Add.ClickAsync();
        await Expect(page).ToHaveURLAsync(Url(person, PaymentMethodsWalk.Path) + "?#add-card");
        isHere.SetResult();
        await walk.IsOpenAsync();
    }

    [Fact]
    public async Task A_link_opens_the_form_and_what_is_closed_stays_closed()
    {
        var (page, person) = await SignedInAsync();
        var walk = new PaymentMethodsWalk(page);
        await page.GotoAsync(Url(person, "/dashboard"));
        await page.GetByRole(AriaRole.Link, new() { Name = "Add card", Exact = true }).ClickAsync();
        await walk.IsOpenAsync();
        await walk.Panel.GetByRole(AriaRole.Button, new() { Name = "Cancel", Exact = true }).ClickAsync();
        await Expect(walk.Panel).ToBeHiddenAsync();
        await Expect(walk.Add).ToBeFocusedAsync();
        await Expect(page).ToHaveURLAsync(Url(person, PaymentMethodsWalk.Path));
        await page.ReloadAsync();
        await Expect(walk.Add).ToBeVisibleAsync();
        await Expect(walk.Panel).ToBeHiddenAsync();
        await walk.AddAsync(Visa);
    }

    [Theory]
    [InlineData("4000 0000 0000 0002", "The card was declined.")]
    [InlineData("4000 0000 0000 9995", "not have enough funds")]
    [InlineData("4000 0000 0000 0127", "security code")]
    public async Task A_refusal_is_a_sentence_and_leaves_nothing(string number, string reason)
    {
        ExpectedComplaints.Add("402"); // the browser notes the status of Stripe's answer
        var (page, person, walk) = await OpenAsync();
        await walk.OpenFormAsync();
        await walk.Form.SaveAsync(number);
        await Expect(walk.Failure).ToContainTextAsync("The card was not saved.");
        await Expect(walk.Failure).ToContainTextAsync(reason);
        Assert.Equal(0, await OnFileAsync(person));

        await walk.Form.SaveAsync(Visa); // the same form takes another card
        await Expect(walk.Toast).ToContainTextAsync("Card saved.");
        await Expect(walk.Cards).ToHaveCountAsync(1);
        Assert.Equal(1, await OnFileAsync(person));
        await Expect(page.GetByText("not saved")).ToHaveCountAsync(0);
    }

    [Theory]
    [InlineData("4242 4242 4242 4241", "12 / 34", "123", "This is not a card number. Check the digits.")]
    [InlineData(Visa, "13 / 34", "123", "The month goes from 01 to 12.")]
    [InlineData(Visa, "12 / 34", "12", "The CVC of this card has 3 digits.")]
    public async Task What_is_mistyped_is_said_at_its_field(string number, string expiry, string cvc, string message)
    {
        var (_, person, walk) = await OpenAsync();
        await walk.OpenFormAsync();
        await walk.Form.SaveAsync(number, expiry, cvc);
        var field = message.Contains("number", StringComparison.Ordinal) ? walk.Form.Number : message.Contains("month", StringComparison.Ordinal) ? walk.Form.Expiry : walk.Form.Cvc;
        await walk.Form.SaysAtAsync(field, message);
        await Expect(field).ToBeFocusedAsync();
        await Expect(walk.Failure).ToBeHiddenAsync();
        await Expect(walk.Form.Save).ToBeEnabledAsync();
        Assert.Equal(0, await OnFileAsync(person));
    }

    [Theory]
    [InlineData(1440)]
    [InlineData(390)]
    public async Task The_banks_question_answered_well_saves_the_card(int width)
    {
        var (page, person, walk) = await OpenAsync(width);
        await walk.OpenFormAsync();
        await walk.Form.SaveAsync("4000 0025 0000 3155");
        await walk.Form.Challenge.GetByRole(AriaRole.Button, new() { Name = "Complete authentication" }).ClickAsync();
        await Expect(walk.Toast).ToContainTextAsync("Card saved.");
        await Expect(walk.Row("Visa ending in 3155")).ToBeVisibleAsync();
        Assert.Equal(1, await OnFileAsync(person));
        await Expect(page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task The_banks_question_failed_saves_nothing_and_can_be_tried_again()
    {
        var (_, person, walk) = await OpenAsync();
        await walk.OpenFormAsync();
        await walk.Form.SaveAsync("4000 0025 0000 3155");
        await walk.Form.Challenge.GetByRole(AriaRole.Button, new() { Name = "Fail authentication" }).ClickAsync();
        await Expect(walk.Failure).ToContainTextAsync("The card was not saved.");
        await Expect(walk.Form.Save).ToBeEnabledAsync();
        Assert.Equal(0, await OnFileAsync(person));

        await walk.Form.Save.ClickAsync();
        await walk.Form.Challenge.GetByRole(AriaRole.Button, new() { Name = "Complete authentication" }).ClickAsync();
        await Expect(walk.Toast).ToContainTextAsync("Card saved.");
        Assert.Equal(1, await OnFileAsync(person));
    }

    [Fact]
    public async Task A_second_card_becomes_the_default_and_the_first_is_removed_after_a_question()
    {
        var (page, person, walk) = await OpenAsync();
        await walk.AddAsync(Visa);
        await walk.AddAsync("5555 5555 5555 4444");
        await Expect(walk.Cards).ToHaveCountAsync(2);
        await Expect(walk.Cards.First).ToContainTextAsync("4242");
        await page.GetByRole(AriaRole.Button, new() { Name = "Make default: Mastercard ending in 4444" }).ClickAsync();
        await Expect(walk.Toast).ToContainTextAsync("Mastercard ending in 4444 is the default now.");
        await Expect(walk.Row("Mastercard ending in 4444").GetByText("Default", new() { Exact = true })).ToBeVisibleAsync();
        await Expect(walk.Row("Visa ending in 4242").GetByText("Default", new() { Exact = true })).ToHaveCountAsync(0);

        var remove = page.GetByRole(AriaRole.Button, new() { Name = "Remove Visa ending in 4242" });
        await remove.ClickAsync();
        var question = page.GetByRole(AriaRole.Dialog, new() { Name = "Remove Visa ending in 4242?" });
        await Expect(question.GetByRole(AriaRole.Button, new() { Name = "Keep card" })).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Escape");
        await Expect(question).ToBeHiddenAsync();
        await Expect(remove).ToBeFocusedAsync();
        await remove.ClickAsync();
        await question.GetByRole(AriaRole.Button, new() { Name = "Remove card" }).ClickAsync();
        await Expect(walk.Toast).ToContainTextAsync("Card removed.");
        await Expect(walk.Cards).ToHaveCountAsync(1);
        Assert.Equal(1, await OnFileAsync(person));
    }

    [Fact]
    public async Task A_form_that_was_closed_opens_anew_also_after_going_elsewhere()
    {
        var (page, person, walk) = await OpenAsync();
        await walk.OpenFormAsync();
        await walk.Form.Number.FillAsync(Visa);
        await walk.Panel.GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        await Expect(walk.Panel).ToBeHiddenAsync();
        await Expect(walk.Add).ToBeFocusedAsync();
        await walk.OpenFormAsync();
        await Expect(walk.Form.Number).ToHaveValueAsync("");

        await page.GetByRole(AriaRole.Navigation, new() { Name = "Main" }).GetByRole(AriaRole.Link, new() { Name = "Dashboard" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Dashboard", Level = 1 })).ToBeVisibleAsync();
        await page.GoBackAsync();
        await walk.AddAsync(Visa);
        await Expect(walk.Cards).ToHaveCountAsync(1);
        Assert.Equal(1, await OnFileAsync(person));
    }

    [Fact]
    public async Task A_press_of_Save_twice_saves_one_card()
    {
        var (_, person, walk) = await OpenAsync();
        await walk.OpenFormAsync();
        await walk.Form.FillAsync(Visa);
        await walk.Form.Save.DblClickAsync();
        await Expect(walk.Toast).ToContainTextAsync("Card saved.");
        await Expect(walk.Cards).ToHaveCountAsync(1);
        Assert.Equal(1, await OnFileAsync(person));
    }

    // Seen to fail when the click went to what lay under the pointer in the end.
    [Fact]
    public async Task A_press_of_Save_counts_also_when_the_form_above_grows_under_the_pointer()
    {
        var (page, person, walk) = await OpenAsync();
        await walk.OpenFormAsync();
        await walk.Form.FillAsync(Visa);
        await walk.Form.Save.HoverAsync();
        await page.Mouse.DownAsync();
        await page.Locator("[data-card-element]").EvaluateAsync("async place => { place.style.paddingBottom = '200px'; await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame); }");
        await page.Mouse.UpAsync();
        await Expect(walk.Toast).ToContainTextAsync("Card saved.");
        Assert.Equal(1, await OnFileAsync(person));
    }

    // Seen to fail when every press counted, wherever it ended.
    [Fact]
    public async Task A_press_that_is_drawn_away_from_Save_saves_nothing()
    {
        var (page, person, walk) = await OpenAsync();
        await walk.OpenFormAsync();
        await walk.Form.FillAsync(Visa);
        await walk.Form.Save.HoverAsync();
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync(700, 100);
        await page.Mouse.UpAsync();
        Assert.NotEqual("true", await page.Locator("[data-card-form]").GetAttributeAsync("aria-busy")); // as it is at once when a card is on its way
        Assert.Equal(0, await OnFileAsync(person));
    }

    [Theory]
    [InlineData(1440)]
    [InlineData(390)]
    public async Task Every_state_of_the_form_is_flawless(int width)
    {
        ExpectedComplaints.Add("402");
        var person = await App.NewPersonAsync("Maya Okafor");
        var page = await OpenPageAsync(person, Window(width));
        await page.GotoAsync(Url(person, PaymentMethodsWalk.Path));
        var walk = new PaymentMethodsWalk(page);
        var flaws = new List<string>();
        async Task LookAsync(string state) => flaws.AddRange(await FlawsAsync(page, $"cards/{state}-{width}"));
        await LookAsync("empty");
        await walk.OpenFormAsync();
        await LookAsync("form");
        await walk.Form.Save.ClickAsync();
        await walk.Form.SaysAtAsync(walk.Form.Number, "Enter the card number.");
        await LookAsync("mistyped");
        await walk.Form.SaveAsync("4000 0000 0000 0002");
        await Expect(walk.Failure).ToBeVisibleAsync();
        await LookAsync("declined");
        await walk.Form.SaveAsync("4000 0025 0000 3155");
        await Expect(walk.Form.Challenge.GetByRole(AriaRole.Heading)).ToBeFocusedAsync();
        await LookAsync("question");
        await walk.Form.Challenge.GetByRole(AriaRole.Button, new() { Name = "Complete authentication" }).ClickAsync();
        await Expect(walk.Toast).ToContainTextAsync("Card saved.");
        await LookAsync("saved");
        await walk.AddAsync("5555 5555 5555 4444");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Remove Mastercard ending in 4444" })).ToBeVisibleAsync(); // the page that the first toast still covers is gone
        await page.GetByRole(AriaRole.Button, new() { Name = "Remove Visa ending in 3155" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Remove Visa ending in 3155?" })).ToBeVisibleAsync();
        await LookAsync("remove");
        None(flaws);
    }

    private Task<long> OnFileAsync(TestPerson person) =>
        App.ScalarAsync<long>($"select count(*) from payment_methods where organization_id = '{person.OrganizationId}' and detached_at is null");

    private async Task<(IPage, TestPerson, PaymentMethodsWalk)> OpenAsync(int width = 1440)
    {
        var (page, person) = await SignedInAsync(Window(width));
        await page.GotoAsync(Url(person, PaymentMethodsWalk.Path));
        return (page, person, new PaymentMethodsWalk(page));
    }
}
