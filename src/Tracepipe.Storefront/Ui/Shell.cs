namespace Tracepipe.Storefront.Ui;

/// <summary>An organization as the switcher shows it.</summary>
/// <param name="Slug">What stands after <c>/o/</c>.</param>
/// <param name="PlanName">Such as <c>Free plan</c>.</param>
public sealed record ShellOrganization(string Slug, string Name, string PlanName)
{
    /// <summary>One or two letters for the square before the name.</summary>
    public string Initials => Ui.Initials.Of(Name);

    /// <summary>An address inside this organization: <c>Path("/keys")</c> → <c>/o/acme/keys</c>.</summary>
    public string Path(string suffix) => $"/o/{Slug}{suffix}";
}

/// <summary>What the frame around a signed-in page shows.</summary>
/// <param name="Current">The organization of the page, or the last one used on pages without one.</param>
/// <param name="Organizations">All of the person's, the current one included, in the order of the menu.</param>
/// <param name="Permissions">The person's rights in the current organization: decide which links are there.</param>
/// <param name="IsOperator">Runs this installation.</param>
public sealed record ShellView(string PersonName, string PersonEmail, ShellOrganization Current, IReadOnlyList<ShellOrganization> Organizations, IReadOnlySet<string> Permissions, bool IsOperator = false);

/// <summary>Says what the frame shows for this request; null when nobody is signed in. Registered by the module that knows organizations.</summary>
public delegate ValueTask<ShellView?> ShellSource(HttpContext context, CancellationToken cancel);

/// <summary>Whether payments are made in a sandbox, so that every page says so. Registered by the module that knows Stripe.</summary>
public delegate bool PaymentsBanner();

/// <summary>The groups of the sidebar, in their order.</summary>
public enum NavSection { Main, Billing, Settings, Operator }

/// <summary>A link of the sidebar. A module registers one for each page it has: <c>services.AddSingleton(new NavItem(…))</c>; what is not built is not linked.</summary>
/// <param name="Path">Inside the organization (<c>/keys</c>), or the whole address when <paramref name="OfOrganization"/> is false.</param>
/// <param name="Order">Position within the section, smallest first.</param>
/// <param name="Permission">Who lacks it does not see the link; null: everybody.</param>
/// <param name="OfOrganization">The address begins with <c>/o/{org}</c>.</param>
public sealed record NavItem(NavSection Section, string Label, string Path, Shape Icon, int Order, string? Permission = null, bool OfOrganization = true)
{
    /// <summary>The address for someone in this organization.</summary>
    public string Href(ShellOrganization organization) => OfOrganization ? organization.Path(Path) : Path;
}

/// <summary>A step of the breadcrumb before the current page.</summary>
public sealed record Crumb(string Label, string Href);

internal static class Initials
{
    public static string Of(string name)
    {
        var words = name.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return words switch
        {
            [] => "?",
            [var only] => First(only),
            [var first, .., var last] => First(first) + First(last),
        };
    }

    // A letter may be more than one char: taken as what a reader calls a character.
    private static string First(string word) => System.Globalization.StringInfo.GetNextTextElement(word).ToUpperInvariant();
}
