using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Keys;

/// <summary>What a person enters for a new key.</summary>
public sealed class KeyForm
{
    public string? Name { get; set; }

    /// <summary>Days, or <c>never</c>.</summary>
    public string? Expires { get; set; } = "never";

    public string[]? Permissions { get; set; }

    public string[]? Suites { get; set; }

    /// <summary>Says which key this form makes, signed.</summary>
    public string? Ticket { get; set; }

    public static IReadOnlyList<Option> Ends { get; } = [new("never", "Never"), new("30", "In 30 days"), new("90", "In 90 days"), new("365", "In 365 days")];

    /// <summary>The permissions that this member can give, as people read them.</summary>
    internal static IReadOnlyList<Option> PermissionsOf(Caller caller) => [.. AllPermissions.Where(p => caller.May(p.Value))];

    /// <summary>A form with what most keys are.</summary>
    internal static KeyForm Blank(Caller caller, KeyTickets tickets) => new() { Permissions = [.. ApiKey.DefaultPermissions.Where(caller.May)], Ticket = tickets.New(caller) };

    /// <summary>The words for a key's permissions: <c>Upload sessions, read sessions</c>.</summary>
    public static string Words(IEnumerable<string> permissions)
    {
        var text = string.Join(", ", AllPermissions.Where(p => permissions.Contains(p.Value, StringComparer.Ordinal)).Select(p => p.Label.ToLowerInvariant()));
        return text.Length == 0 ? "None" : char.ToUpperInvariant(text[0]) + text[1..];
    }

    private static readonly Option[] AllPermissions =
    [
        new(Organizations.Permissions.SessionsWrite, "Upload sessions"),
        new(Organizations.Permissions.SessionsRead, "Read sessions"),
        new(Organizations.Permissions.UsageRead, "Read usage"),
        new(Organizations.Permissions.BillingRead, "Read billing"),
        new(Organizations.Permissions.BillingWrite, "Change billing"),
        new(Organizations.Permissions.KeysRead, "List keys"),
        new(Organizations.Permissions.KeysWrite, "Manage keys"),
    ];
}

/// <summary>
/// Gives each form that makes a key the id of that key, signed for the person it was shown to: sent twice, by a double click or a reload, it still makes
/// one key, and nobody chooses an id.
/// </summary>
internal sealed class KeyTickets(IDataProtectionProvider protection)
{
    private readonly IDataProtector protector = protection.CreateProtector("Tracepipe.Keys.Form");

    public string New(Caller caller) => protector.Protect($"{Guid.CreateVersion7()} {caller.OrganizationId} {caller.PersonId}");

    /// <summary>The id in the ticket; null when it is not one of this person in this organization.</summary>
    public Guid? Read(string? ticket, Caller caller)
    {
        if (ticket is not { Length: > 0 and < 1000 }) return null;
        try
        {
            var parts = protector.Unprotect(ticket).Split(' ');
            return Guid.Parse(parts[1]) == caller.OrganizationId && Guid.Parse(parts[2]) == caller.PersonId ? Guid.Parse(parts[0]) : null;
        }
        catch (CryptographicException)
        {
            return null; // forged or of another installation
        }
    }
}
