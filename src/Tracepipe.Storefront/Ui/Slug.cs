namespace Tracepipe.Storefront.Ui;

/// <summary>Makes ids of page parts from their titles.</summary>
internal static class Slug
{
    /// <summary>Letters, digits and underscores in lower case, everything else a single hyphen: <c>API keys</c> → <c>api-keys</c>.</summary>
    public static string Of(string title)
    {
        var text = new System.Text.StringBuilder(title.Length);
        foreach (var c in title)
        {
            if (char.IsAsciiLetterOrDigit(c) || c == '_') text.Append(char.ToLowerInvariant(c));
            else if (text.Length > 0 && text[^1] != '-') text.Append('-');
        }
        return text.ToString().Trim('-');
    }
}
