namespace Tracepipe.Storefront.Organizations;

/// <summary>What a member may do in an organization; the table in <see cref="Permissions"/> says what that is.</summary>
internal enum Role { Viewer, Developer, Billing, Admin, Owner }

/// <summary>
/// Rights, by the names that API keys carry too. Roles are sets of them (billing rules, decision 15): owner everything; admin everything but delete,
/// transfer and making owners; billing: billing and usage; developer: keys, sessions, usage; viewer: reads all but the audit log.
/// </summary>
internal static class Permissions
{
    public const string KeysRead = "keys:read";
    public const string KeysWrite = "keys:write";
    public const string SessionsRead = "sessions:read";
    public const string SessionsWrite = "sessions:write";
    public const string UsageRead = "usage:read";
    public const string BillingRead = "billing:read";
    public const string BillingWrite = "billing:write";
    public const string OrganizationRead = "organization:read";
    public const string OrganizationWrite = "organization:write";
    public const string OrganizationDelete = "organization:delete";
    public const string MembersWrite = "members:write";
    public const string AuditRead = "audit:read";

    /// <summary>What an API key may carry.</summary>
    public static IReadOnlyList<string> OfKeys { get; } = [SessionsRead, SessionsWrite, UsageRead, KeysRead, KeysWrite, BillingRead, BillingWrite];

    /// <summary>All rights, each with a policy of the same name.</summary>
    public static IReadOnlyList<string> All { get; } = [.. OfKeys, OrganizationRead, OrganizationWrite, OrganizationDelete, MembersWrite, AuditRead];

    private static readonly HashSet<string> Viewer = new(StringComparer.Ordinal) { KeysRead, SessionsRead, UsageRead, BillingRead, OrganizationRead };
    private static readonly HashSet<string> Developer = new(StringComparer.Ordinal) { KeysRead, KeysWrite, SessionsRead, SessionsWrite, UsageRead, OrganizationRead };
    private static readonly HashSet<string> Billing = new(StringComparer.Ordinal) { BillingRead, BillingWrite, UsageRead, OrganizationRead };
    private static readonly HashSet<string> Owner = new(All, StringComparer.Ordinal);
    private static readonly HashSet<string> Admin = new(All.Where(p => !string.Equals(p, OrganizationDelete, StringComparison.Ordinal)), StringComparer.Ordinal);

    public static IReadOnlySet<string> Of(Role role) => role switch
    {
        Role.Owner => Owner,
        Role.Admin => Admin,
        Role.Billing => Billing,
        Role.Developer => Developer,
        Role.Viewer => Viewer,
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "Not a role."),
    };

    /// <summary>The role as stored and shown in JSON: lower case.</summary>
    public static string Stored(this Role role) => role switch
    {
        Role.Owner => "owner",
        Role.Admin => "admin",
        Role.Billing => "billing",
        Role.Developer => "developer",
        Role.Viewer => "viewer",
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "Not a role."),
    };

    public static Role RoleOf(string stored) => stored switch
    {
        "owner" => Role.Owner,
        "admin" => Role.Admin,
        "billing" => Role.Billing,
        "developer" => Role.Developer,
        "viewer" => Role.Viewer,
        _ => throw new ArgumentOutOfRangeException(nameof(stored), stored, "Not a role."),
    };
}
