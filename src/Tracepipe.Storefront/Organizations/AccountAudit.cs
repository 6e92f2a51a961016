using Tracepipe.Storefront.Accounts;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Organizations;

/// <summary>What people do about their own accounts stands in the audit log of their personal organization.</summary>
internal static class AccountAudit
{
    public static async Task WriteAsync(AccountActed acted, Transaction transaction, DateTimeOffset at, CancellationToken cancel)
    {
        var organization = await transaction.FirstAsync($"""
            select o.id from organizations o join members m on m.organization_id = o.id where m.person_id = {acted.PersonId} and o.is_personal and o.deleted_at is null order by o.id limit 1
            """, r => r.GetGuid(0), cancel);
        if (organization == Guid.Empty) return; // he has deleted it
        await Audit.WriteAsync(transaction, new AuditEntry(organization, acted.Action, Actor.Person(acted.PersonId), acted.Target, Address: acted.Address), at, cancel);
    }
}
