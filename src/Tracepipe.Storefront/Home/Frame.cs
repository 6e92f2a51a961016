using System.Security.Claims;
using Microsoft.AspNetCore.Components.Endpoints;
using Tracepipe.Storefront.Accounts;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Home;

/// <summary>
/// Fills the frame around signed-in pages in one round trip: the person's organizations with their plans, the current one's rights. Whether he may open the
/// page is decided by the same answer.
/// </summary>
internal sealed class Frame(Database database, Standings standings, TimeProvider clock)
{
    public async ValueTask<ShellView?> ReadAsync(HttpContext context, CancellationToken cancel)
    {
        if (await FactsAsync(context, cancel) is not { Organizations.Count: > 0 } facts) return null;

        var now = clock.GetUtcNow();
        var organizations = new List<(Membership Member, ShellOrganization Shown)>();
        foreach (var (member, standing) in facts.Organizations)
        {
            var allowance = await standings.AllowanceAsync(standing, now, cancel);
            organizations.Add((member, new ShellOrganization(member.Slug, member.Name, $"{allowance.Tier.Name} plan")));
        }
        var slug = context.GetRouteValue("org") as string ?? LastOrganization.Wish(context);
        var current = organizations.FirstOrDefault(o => string.Equals(o.Member.Slug, slug, StringComparison.Ordinal));
        if (current.Member is null) current = organizations[0];
        return new ShellView(context.User.FindFirstValue(ClaimTypes.Name) ?? "", context.User.FindFirstValue(ClaimTypes.Email) ?? "", current.Shown,
            [.. organizations.Select(o => o.Shown)], Permissions.Of(current.Member.Role), facts.IsOperator);
    }

    /// <summary>The organizations of the person, when a page is only shown: what a form changes is read after it.</summary>
    public async ValueTask<IReadOnlyList<Membership>?> MembershipsAsync(HttpContext context, CancellationToken cancel)
    {
        if (!HttpMethods.IsGet(context.Request.Method) || context.GetEndpoint()?.Metadata.GetMetadata<ComponentTypeMetadata>() is null || context.User.FindPersonId() is null) return null;
        var facts = await FactsAsync(context, cancel);
        context.Items[typeof(Facts)] = facts;
        return [.. facts!.Organizations.Select(o => o.Member)];
    }

    private async Task<Facts?> FactsAsync(HttpContext context, CancellationToken cancel)
    {
        if (context.User.FindPersonId() is not { } person) return null;
        if (context.Items[typeof(Facts)] is Facts known && known.Person == person) return known;
        Answer<IReadOnlyList<(Membership Member, Standing Standing)>>? found = null;
        Answer<bool>? isOperator = null;
        await database.ReadAsPersonAsync(person, q =>
        {
            found = Standings.AskOf(q, person);
            isOperator = q.First($"select true from operators where person_id = {person}", r => r.GetBoolean(0));
        }, cancel);
        return new Facts(person, found!.Value, isOperator!.Value);
    }

    private sealed record Facts(Guid Person, IReadOnlyList<(Membership Member, Standing Standing)> Organizations, bool IsOperator);
}
