using System.IO.Compression;

namespace Tracepipe.Storefront.Accounts.Passwords;

/// <summary>What a password must be: long enough, not among the common ones, not one's own name or address. No rules of composition (NIST SP 800-63B).</summary>
internal static class PasswordRules
{
    public const int Shortest = 10;

    /// <summary>Longer ones are refused so that nobody makes us hash megabytes.</summary>
    public const int Longest = 200;

    private static readonly Lazy<HashSet<string>> Common = new(ReadCommon);

    /// <summary>A sentence that says what is wrong, or null.</summary>
    public static string? Check(string? password, string name, string email)
    {
        if (string.IsNullOrEmpty(password)) return "Enter a password.";
        if (password.Length < Shortest) return $"Use {Shortest} characters or more. A sentence works well.";
        if (password.Length > Longest) return $"Use {Longest} characters or fewer.";
        if (IsCommon(password)) return "This password is on the lists that attackers try first. Choose another one.";
        if (IsOwn(password, name, email)) return "This password repeats your name or address. Choose another one.";
        return null;
    }

    internal static bool IsCommon(string password) => Common.Value.Contains(password.ToLowerInvariant()) || password.AsSpan().IndexOfAnyExcept(password[0]) < 0;

    internal static int CommonCount => Common.Value.Count;

    private static bool IsOwn(string password, string name, string email)
    {
        var bare = Bare(password);
        var local = email.Split('@')[0];
        return bare.Length > 0 && new[] { name, email, local }.Any(own => string.Equals(bare, Bare(own), StringComparison.Ordinal));
    }

    // "Ada.Lovelace" is as good as "ada lovelace".
    private static string Bare(string text) => string.Concat(text.Where(char.IsLetterOrDigit).Select(char.ToLowerInvariant));

    private static HashSet<string> ReadCommon()
    {
        using var packed = typeof(PasswordRules).Assembly.GetManifestResourceStream("Accounts/common-passwords.txt.br")!;
        using var reader = new StreamReader(new BrotliStream(packed, CompressionMode.Decompress));
        return reader.ReadToEnd().Split('\n').ToHashSet(StringComparer.Ordinal);
    }
}
