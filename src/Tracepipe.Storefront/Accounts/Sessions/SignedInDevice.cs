namespace Tracepipe.Storefront.Accounts.Sessions;

/// <summary>A browser that is signed in, as its owner sees it in the list.</summary>
internal sealed record SignedInDevice(Guid Id, string UserAgent, string Address, DateTimeOffset SignedInAt, DateTimeOffset LastSeenAt)
{
    /// <summary>Browser and system as people call them: <c>Firefox on Linux</c>.</summary>
    public string Name => NameOf(UserAgent);

    internal static string NameOf(string userAgent)
    {
        var browser = First(userAgent, Browsers);
        var system = First(userAgent, Systems);
        return (browser, system) switch
        {
            (null, null) => "Unknown device",
            (null, _) => $"Unknown browser on {system}",
            (_, null) => browser,
            _ => $"{browser} on {system}",
        };
    }

    // The first word found decides: Edge also says Chrome, Chrome also says Safari, Android also says Linux.
    private static readonly (string Word, string Name)[] Browsers =
        [("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"), ("curl/", "curl")];

    private static readonly (string Word, string Name)[] Systems =
        [("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS"), ("Windows", "Windows"), ("Mac OS X", "macOS"), ("Linux", "Linux")];

    private static string? First(string text, (string Word, string Name)[] names) => names.FirstOrDefault(n => text.Contains(n.Word, StringComparison.Ordinal)).Name;
}
