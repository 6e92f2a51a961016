using Microsoft.Playwright;

namespace Tracepipe.BrowserTests.StripeSandbox;

/// <summary>The Payment Element as a person sees it. The names of its frame and fields stand here and nowhere else.</summary>
internal sealed class CardForm(IPage page)
{
    public IFrameLocator Frame { get; } = page.FrameLocator("iframe[title='Card details']");
    public ILocator Number => Frame.GetByLabel("Card number", new() { Exact = true });
    public ILocator Expiry => Frame.GetByLabel("MM / YY", new() { Exact = true });
    public ILocator Cvc => Frame.GetByLabel("CVC", new() { Exact = true });
    public ILocator Save => page.GetByRole(AriaRole.Button, new() { Name = "Save card", Exact = true });
    public ILocator Outcome => page.GetByRole(AriaRole.Status);

    /// <summary>The bank's question, in the dialog over the page.</summary>
    public IFrameLocator Challenge { get; } = page.GetByRole(AriaRole.Dialog, new() { Name = "Card authentication" }).FrameLocator("iframe");

    public async Task FillAsync(string number, string expiry = "12 / 34", string cvc = "123")
    {
        await Number.FillAsync(number);
        await Expiry.FillAsync(expiry);
        await Cvc.FillAsync(cvc);
    }

    public async Task SaveAsync(string number, string expiry = "12 / 34", string cvc = "123")
    {
        await FillAsync(number, expiry, cvc);
        await Save.ClickAsync();
    }

    public Task SaysAsync(string text) => Assertions.Expect(Outcome).ToHaveTextAsync(text);

    /// <summary>The message stands at the field: visible, an alert, and described by it.</summary>
    public async Task SaysAtAsync(ILocator field, string message)
    {
        await Assertions.Expect(field).ToHaveAttributeAsync("aria-invalid", "true");
        await Assertions.Expect(field).ToHaveAccessibleDescriptionAsync(message);
        await Assertions.Expect(Frame.GetByRole(AriaRole.Alert).Filter(new() { HasText = message })).ToBeVisibleAsync();
    }

    public static async Task IsFineAsync(ILocator field)
    {
        await Assertions.Expect(field).Not.ToHaveAttributeAsync("aria-invalid", "true");
        await Assertions.Expect(field).ToHaveAccessibleDescriptionAsync("");
    }
}
