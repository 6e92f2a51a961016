using System.Net;
using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.BrowserTests.StripeSandbox;
using Tracepipe.Tests.App;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.Billing;

/// <summary>The page Payment methods as a person uses it.</summary>
internal sealed class PaymentMethodsWalk(IPage page)
{
    public const string Path = "/settings/billing/payment-methods";

    public CardForm Form { get; } = new(page);
    public ILocator Add => page.GetByRole(AriaRole.Button, new() { Name = "Add card", Exact = true });
    public ILocator Panel => page.GetByRole(AriaRole.Region, new() { Name = "Add a card" });

    /// <summary>What stands in the panel about a card that was not saved.</summary>
    public ILocator Failure => Panel.GetByRole(AriaRole.Alert);

    /// <summary>What the page says after something was done.</summary>
    public ILocator Toast => page.GetByRole(AriaRole.Region, new() { Name = "Messages" }).Locator(".toast");

    public ILocator Cards => page.GetByRole(AriaRole.Main).GetByRole(AriaRole.Listitem);

    public ILocator Row(string card) => Cards.Filter(new() { Has = page.GetByText(card, new() { Exact = true }) });

    public async Task OpenFormAsync()
    {
        await Add.ClickAsync();
        await IsOpenAsync();
    }

    public async Task IsOpenAsync()
    {
        await Expect(Panel).ToBeVisibleAsync();
        await Expect(Form.Save).ToBeEnabledAsync();
        await Expect(Form.Number).ToBeVisibleAsync();
    }

    public async Task AddAsync(string number)
    {
        await OpenFormAsync();
        await SaveAsync(number);
    }

    public async Task SaveAsync(string number)
    {
        await Form.SaveAsync(number);
        await Expect(Panel).ToBeHiddenAsync(); // what is said next is about this card, not the one before
        await Expect(Toast).ToContainTextAsync("Card saved.");
    }
}
