using System.Text.Json;
using Tracepipe.Storefront.Accounts.External.Tokens;

namespace Tracepipe.Storefront.Accounts.External;

/// <summary>Who somebody is at a provider, from a token that was believed. Issuer and subject are the identity; all else is what the provider says today.</summary>
/// <param name="Issuer">The provider's own name for itself.</param>
/// <param name="Subject">The person's name there, for ever.</param>
/// <param name="Email">As the provider says; null when it says none that mail can be sent to.</param>
/// <param name="IsEmailVerified">Only true when the provider says so.</param>
/// <param name="Name">What to call the person: 1 to 100 characters.</param>
internal sealed record ExternalIdentity(string Issuer, string Subject, string? Email, bool IsEmailVerified, string Name)
{
    /// <summary>From the id_token, and from userinfo for what the token does not say.</summary>
    public static ExternalIdentity Of(OidcProvider provider, JsonWebToken token, JsonElement? userInfo)
    {
        var email = token["email"];
        // The word about an address counts only beside the address it is about.
        var from = email is null && userInfo is { } other ? other : token.Claims;
        email ??= userInfo is { } info ? JsonWebToken.Text(info, "email") : null;
        var isUsable = Typed.CheckEmail(email) is null;
        return new ExternalIdentity(token["iss"]!, token[provider.SubjectClaim]!, isUsable ? Typed.Email(email!) : null,
            isUsable && provider.VerifiedClaims.Any(claim => JsonWebToken.IsTrue(from, claim)), NameOf(token.Claims, userInfo, email));
    }

    private static string NameOf(JsonElement token, JsonElement? userInfo, string? email)
    {
        foreach (var claims in new[] { token, userInfo ?? default })
        {
            var given = $"{JsonWebToken.Text(claims, "given_name")} {JsonWebToken.Text(claims, "family_name")}";
            foreach (var said in new[] { JsonWebToken.Text(claims, "name"), given })
                if (Shown(said) is { } name) return name;
        }
        return Shown(email?.Split('@')[0]) ?? "New member";
    }

    // Entra writes “unknown” for people who were not asked their name.
    private static string? Shown(string? said)
    {
        var name = string.Concat((said ?? "").Where(c => !char.IsControl(c))).Trim();
        if (name.Length > Typed.LongestName) name = name[..Typed.LongestName].TrimEnd();
        if (name.Length > 0 && char.IsHighSurrogate(name[^1])) name = name[..^1];
        return Typed.CheckName(name) is null && !string.Equals(name, "unknown", StringComparison.OrdinalIgnoreCase) ? name : null;
    }
}
