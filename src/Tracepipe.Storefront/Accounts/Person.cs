using System.Security.Claims;
using Microsoft.AspNetCore.Identity;

namespace Tracepipe.Storefront.Accounts;

/// <summary>Somebody who has proved an e-mail address. He logs in with it; there is no other user name.</summary>
internal sealed class Person : IdentityUser<Guid>
{
    /// <summary>What pages call him: 1 to 100 characters.</summary>
    public required string DisplayName { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    public override string? UserName
    {
        get => Email;
        set { /* the address is the name */ }
    }
}

/// <summary>What the session cookie says about the person who sent the request. Fresh from the database within five seconds.</summary>
internal static class PersonClaims
{
    public const string Session = "session";
    public const string Stamp = "stamp";

    /// <exception cref="InvalidOperationException">Nobody is signed in by cookie.</exception>
    public static Guid PersonId(this ClaimsPrincipal user) => user.FindPersonId() ?? throw new InvalidOperationException("Nobody is signed in.");

    public static Guid? FindPersonId(this ClaimsPrincipal user) => Guid.TryParse(user.FindFirstValue(ClaimTypes.NameIdentifier), out var id) ? id : null;

    /// <summary>The row of <c>signed_in_devices</c> behind this request.</summary>
    public static Guid? SessionId(this ClaimsPrincipal user) => Guid.TryParse(user.FindFirstValue(Session), out var id) ? id : null;

    public static string DisplayName(this ClaimsPrincipal user) => user.FindFirstValue(ClaimTypes.Name) ?? "";

    public static string EmailAddress(this ClaimsPrincipal user) => user.FindFirstValue(ClaimTypes.Email) ?? "";
}
