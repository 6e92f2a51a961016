using System.Security.Claims;
using Tracepipe.Storefront.Accounts;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Home;

/// <summary>Fills the frame around signed-in pages in one round trip: the person's organizations with their plans, the current one's rights.</summary>
internal sealed class Frame(Database database, Standings standings, TimeProvider clock)
{
    public async ValueTask<ShellView?> ReadAsync(HttpContext context, CancellationToken cancel)
    {
        if (context.User.FindPersonId() is not { } person) return null;
        Answer<IReadOnlyList<(Membership Member, Standing Standing)>>? found = null;
        Answer<bool>? isOperator = null;
        await database.ReadAsPersonAsync(person, q =>
        {
            found = Standings.AskOf(q, person);
            isOperator = q.First($"select true from operators where person_id = {person}", r => r.GetBoolean(0));
        }, cancel);
        if (found!.Value.Count == 0) return null;

        var now = clock.GetUtcNow();
        var organizations = new List<(Membership Member, ShellOrganization Shown)>();
        foreach (var (member, standing) in found.Value)
        {
            var allowance = await standings.AllowanceAsync(standing, now, cancel);
            organizations.Add((member, new ShellOrganization(member.Slug, member.Name, $"{allowance.Tier.Name} plan")));
        }
        var slug = context.GetRouteValue("org") as string ?? LastOrganization.Wish(context);
        var current = organizations.FirstOrDefault(o => string.Equals(o.Member.Slug, slug, StringComparison.Ordinal));
        if (current.Member is null) current = organizations[0];
        return new ShellView(context.User.FindFirstValue(ClaimTypes.Name) ?? "", context.User.FindFirstValue(ClaimTypes.Email) ?? "", current.Shown,
            [.. organizations.Select(o => o.Shown)], Permissions.Of(current.Member.Role), isOperator!.Value);
    }
}
