using Npgsql;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>Whom invoices are addressed to. A new invoice takes what stands here; those that were made keep theirs.</summary>
/// <param name="Organization">Its name, which stands for a missing <paramref name="Name"/>.</param>
internal sealed record BillingDetails(string Organization, string? Name, string? Email, string? Address, string? TaxId)
{
    /// <summary>As they stand on an invoice.</summary>
    public IReadOnlyList<string> Lines =>
        [Name ?? Organization, .. (Address ?? "").Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries), .. TaxId is null ? [] : new[] { $"Tax id {TaxId}" }, .. Email is null ? [] : new[] { Email }];

    internal static FormattableString Select(Guid organization) => $"""
        select o.name, b.billing_name, b.billing_email, b.billing_address, b.tax_id from organizations o join billing_accounts b on b.organization_id = o.id where o.id = {organization}
        """;

    internal static BillingDetails Read(NpgsqlDataReader r) => new(r.GetString(0), Text(r, 1), Text(r, 2), Text(r, 3), Text(r, 4));

    /// <summary>Checks and stores what somebody has written.</summary>
    public static async Task<Problem?> SaveAsync(Database database, Guid organization, string? name, string? email, string? address, string? taxId, Actor by, DateTimeOffset now, CancellationToken cancel)
    {
        (name, email, taxId) = (Clean(name), Clean(email), Clean(taxId));
        address = address is null ? null : string.Join('\n', address.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)) is { Length: > 0 } lines ? lines : null;
        if (name?.Length > 200) return Problem.Invalid("name", "Use at most 200 characters.");
        if (email is null || email.Length > 254 || email.IndexOf('@', StringComparison.Ordinal) is < 1 || email.EndsWith('@')) return Problem.Invalid("email", "Write an e-mail address: reminders go there.");
        if (address?.Length > 1000 || address?.Count(c => c == '\n') > 5) return Problem.Invalid("address", "Use at most six lines.");
        if (taxId?.Length > 100) return Problem.Invalid("tax_id", "Use at most 100 characters.");
        if (new[] { name, email, taxId, address?.Replace("\n", "", StringComparison.Ordinal) }.Any(t => t?.Any(char.IsControl) is true)) return Problem.Invalid("name", "Leave out control characters.");
        await using var transaction = await database.BeginAsync(organization, by.Id, cancel);
        await transaction.ExecuteAsync($"""
            update billing_accounts set billing_name = {name}::text, billing_email = {email}, billing_address = {address}::text, tax_id = {taxId}::text, updated_at = {now} where organization_id = {organization}
            """, cancel);
        await Audit.WriteAsync(transaction, new AuditEntry(organization, "billing.details_changed", by), now, cancel);
        await transaction.CommitAsync(cancel);
        return null;
    }

    private static string? Clean(string? text) => text?.Trim() is { Length: > 0 } some ? some : null;

    private static string? Text(NpgsqlDataReader r, int column) => r.IsDBNull(column) ? null : r.GetString(column);
}
