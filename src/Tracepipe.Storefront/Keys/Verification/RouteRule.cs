using Microsoft.AspNetCore.Authorization;
using Tracepipe.Storefront.Organizations;

namespace Tracepipe.Storefront.Keys;

/// <summary>What a route of <c>/v1</c> asks of a key, read once from its metadata: the same <c>RequireAuthorization</c> and <c>AllowAnonymous</c> as everywhere.</summary>
/// <param name="IsPublic">No key is needed.</param>
/// <param name="Permissions">All of these.</param>
/// <param name="Kind">Which limit it draws on.</param>
internal sealed record RouteRule(bool IsPublic, IReadOnlyList<string> Permissions, RequestKind Kind)
{
    /// <summary>Any good key: addresses that do not exist, and answers of the routing itself (405, 415).</summary>
    public static RouteRule AnyKey { get; } = new(IsPublic: false, [], RequestKind.Other);

    /// <exception cref="InvalidOperationException">The route names no policy, or one that says nothing about keys.</exception>
    public static RouteRule Of(Endpoint endpoint)
    {
        if (endpoint is not RouteEndpoint) return AnyKey;
        var kind = endpoint.Metadata.GetMetadata<RequestKindMetadata>()?.Kind ?? RequestKind.Other;
        if (endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null) return new RouteRule(IsPublic: true, [], kind);
        var policies = endpoint.Metadata.GetOrderedMetadata<IAuthorizeData>().Select(a => a.Policy).ToList();
        if (policies.Count == 0) throw new InvalidOperationException($"{endpoint.DisplayName} names no policy.");
        var permissions = new List<string>();
        foreach (var policy in policies)
        {
            if (string.Equals(policy, Policies.SignedIn, StringComparison.Ordinal)) continue;
            if (policy is null || !Organizations.Permissions.OfKeys.Contains(policy, StringComparer.Ordinal)) throw new InvalidOperationException($"{endpoint.DisplayName}: “{policy}” is not a permission of keys.");
            permissions.Add(policy);
        }
        return new RouteRule(IsPublic: false, permissions, kind);
    }

    /// <summary>What the key lacks for this route.</summary>
    public string? MissingOf(VerifiedKey key)
    {
        for (var i = 0; i < Permissions.Count; i++)
            if (!key.Permissions.Contains(Permissions[i])) return Permissions[i];
        return null;
    }
}
