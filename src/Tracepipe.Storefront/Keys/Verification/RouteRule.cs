using Microsoft.AspNetCore.Authorization;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Keys;

/// <summary>What a route of <c>/v1</c> asks of a key, read once from its metadata: the same <c>RequireAuthorization</c> and <c>AllowAnonymous</c> as everywhere.</summary>
/// <param name="IsPublic">No key is needed.</param>
/// <param name="Permissions">All of these.</param>
/// <param name="Kind">Which limit it draws on.</param>
/// <param name="IsOfService">Only for keys of the sold API's backend.</param>
internal sealed record RouteRule(bool IsPublic, IReadOnlyList<string> Permissions, RequestKind Kind, bool IsOfService = false)
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
        if (policies is [Policies.Service]) return new RouteRule(IsPublic: false, [], kind, IsOfService: true);
        var permissions = new List<string>();
        foreach (var policy in policies)
        {
            if (string.Equals(policy, Policies.SignedIn, StringComparison.Ordinal)) continue;
            if (policy is null || !Organizations.Permissions.OfKeys.Contains(policy, StringComparer.Ordinal)) throw new InvalidOperationException($"{endpoint.DisplayName}: “{policy}” is not a permission of keys.");
            permissions.Add(policy);
        }
        return new RouteRule(IsPublic: false, permissions, kind);
    }

    /// <summary>Why this key may not, or null.</summary>
    public Problem? RefusalOf(VerifiedKey key)
    {
        if (IsOfService != key.IsService && !ReferenceEquals(this, AnyKey)) return IsOfService ? NeedsServiceKey : NeedsApiKey;
        for (var i = 0; i < Permissions.Count; i++)
            if (!key.Permissions.Contains(Permissions[i])) return Problem.Forbidden(Permissions[i], $"This key may not do that: it lacks the permission {Permissions[i]}.");
        return null;
    }

    /// <summary>Why this member may not, or null.</summary>
    public Problem? RefusalOf(Membership member)
    {
        if (IsOfService) return NeedsServiceKey;
        return Permissions.FirstOrDefault(p => !member.May(p)) is { } missing ? Problem.Forbidden(missing, $"Your role in this organization may not do that: it lacks the permission {missing}.") : null;
    }

    /// <summary>What an organization's routes answer to a service key, which is nobody's.</summary>
    public static Problem NeedsApiKey { get; } = Problem.Forbidden("api_key", "A service key acts for no organization: send an API key (tp_live_…).");

    private static Problem NeedsServiceKey { get; } = Problem.Forbidden("service_key", "This address is for the API's backend: send a service key (tp_svc_…).");
}
