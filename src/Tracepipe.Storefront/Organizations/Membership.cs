namespace Tracepipe.Storefront.Organizations;

/// <summary>A person in an organization: what pages and the billing API act under.</summary>
internal sealed record Membership(Guid OrganizationId, string Slug, string Name, bool IsPersonal, Role Role, Guid PersonId)
{
    public bool May(string permission) => Permissions.Of(Role).Contains(permission);
}

/// <summary>
/// Who acts in which organization in this request: a member through the cookie, or a key. Filled by the authorization of the route; code behind a
/// route with an organization policy can rely on it.
/// </summary>
internal sealed class Caller
{
    private Guid? organizationId;

    /// <summary>The organization acted in.</summary>
    /// <exception cref="InvalidOperationException">The route has no organization policy.</exception>
    public Guid OrganizationId => organizationId ?? throw new InvalidOperationException("This route has no organization policy.");

    /// <summary>The member, when a person acts.</summary>
    public Membership? Membership { get; private set; }

    /// <summary>The member, on routes that only people reach.</summary>
    public Membership Member => Membership ?? throw new InvalidOperationException("This route is not a person's.");

    /// <summary>The person: the member, or the maker of the key.</summary>
    public Guid? PersonId { get; private set; }

    /// <summary>The key, when a program acts.</summary>
    public Guid? KeyId { get; private set; }

    /// <summary>What the caller may do.</summary>
    public IReadOnlySet<string> Granted { get; private set; } = new HashSet<string>(StringComparer.Ordinal);

    public bool May(string permission) => Granted.Contains(permission);

    public void Is(Membership member)
    {
        (organizationId, Membership, PersonId, KeyId) = (member.OrganizationId, member, member.PersonId, null);
        Granted = Permissions.Of(member.Role);
    }

    public void IsKey(Guid organization, Guid key, Guid? maker, IReadOnlySet<string> permissions)
    {
        (organizationId, Membership, PersonId, KeyId) = (organization, null, maker, key);
        Granted = permissions;
    }
}
