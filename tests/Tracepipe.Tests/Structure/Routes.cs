using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Structure;

/// <summary>Catches: a route that nobody thought about who may call it.</summary>
public sealed class Routes(TestApp app) : IClassFixture<TestApp>
{
    [Fact]
    public void Every_route_says_who_may_call_it()
    {
        var silent = app.Services.GetRequiredService<IEnumerable<EndpointDataSource>>().SelectMany(s => s.Endpoints).OfType<RouteEndpoint>()
            .Where(e => e.Metadata.GetMetadata<IAuthorizeData>() is null && e.Metadata.GetMetadata<AuthorizationPolicy>() is null && e.Metadata.GetMetadata<IAllowAnonymous>() is null)
            .Select(e => e.RoutePattern.RawText)
            .Where(r => r is not "/_framework/opaque-redirect") // Blazor's own; the fallback policy closes it
            .ToList();
        Assert.True(silent.Count == 0, "Without a policy: " + string.Join(", ", silent));
    }

    [Fact]
    public void An_authorize_attribute_of_ours_names_a_policy()
    {
        // A bare [Authorize] is only "signed in": inside an organization that is not enough.
        var bare = app.Services.GetRequiredService<IEnumerable<EndpointDataSource>>().SelectMany(s => s.Endpoints).OfType<RouteEndpoint>()
            .Where(e => e.RoutePattern.RawText?.Contains("{org", StringComparison.OrdinalIgnoreCase) == true)
            .Where(e => e.Metadata.GetMetadata<IAllowAnonymous>() is null && !e.Metadata.GetOrderedMetadata<IAuthorizeData>().Any(a => a.Policy?.Contains(':', StringComparison.Ordinal) == true))
            .Select(e => e.RoutePattern.RawText).ToList();
        Assert.True(bare.Count == 0, "In an organization but without a permission: " + string.Join(", ", bare));
    }
}
