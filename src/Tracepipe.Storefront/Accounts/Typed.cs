using System.Text.RegularExpressions;

namespace Tracepipe.Storefront.Accounts;

/// <summary>What people type about themselves, trimmed and checked; the sentence says what to correct.</summary>
internal static partial class Typed
{
    public const int LongestName = 100;
    public const int LongestEmail = 254; // RFC 5321

    /// <summary>A sentence, or null when the name will do.</summary>
    public static string? CheckName(string? name) => name?.Trim() switch
    {
        null or "" => "Enter your name.",
        { Length: > LongestName } => $"Use {LongestName} characters or fewer.",
        var typed when typed.Any(char.IsControl) || typed.EnumerateRunes().Any(r => r == System.Text.Rune.ReplacementChar) => "Use letters, digits and ordinary signs.",
        _ => null,
    };

    /// <summary>A sentence, or null when mail can be sent there as it stands.</summary>
    public static string? CheckEmail(string? email)
    {
        var typed = email?.Trim();
        if (string.IsNullOrEmpty(typed)) return "Enter your email address.";
        if (typed.Length <= LongestEmail && Address().IsMatch(typed)) return null;
        var at = typed.IndexOf('@', StringComparison.Ordinal);
        if (at > 0 && typed.Length <= LongestEmail && Address().IsMatch(typed + ".com")) return $"Add the ending after the dot, for example {typed}.com.";
        return "Enter an address like name@example.com.";
    }

    /// <summary>As stored: the part after the @ in lower case.</summary>
    public static string Email(string typed)
    {
        var trimmed = typed.Trim();
        var at = trimmed.LastIndexOf('@');
        return at < 0 ? trimmed : trimmed[..at] + trimmed[at..].ToLowerInvariant();
    }

    // Plain ASCII without quotes or comments: what every mail server takes.
    [GeneratedRegex(@"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Address();
}
