using System.Globalization;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>What operators type behind a verb: organizations and ends.</summary>
internal static class OperatorWords
{
    private static readonly string[] Instants = ["yyyy-MM-dd'T'HH:mm'Z'", "yyyy-MM-dd'T'HH:mm:ss'Z'"];

    /// <summary>The organization of this slug or id; null when there is none.</summary>
    public static async Task<(Guid Id, string Slug)?> FindAsync(Database database, string named, CancellationToken cancel)
    {
        Answer<(Guid, string)?>? found = null;
        var id = Guid.TryParse(named, out var parsed) ? parsed : Guid.Empty;
        await database.WorkReadAsync(q => found = q.First($"select id, slug from organizations where (slug = {named} or id = {id}) and deleted_at is null order by slug = {named} desc limit 1", r => ((Guid, string)?)(r.GetGuid(0), r.GetString(1))), cancel);
        return found!.Value;
    }

    /// <summary>An end in the future, or null for none: a day counts to its end (UTC), an instant is taken as it is.</summary>
    /// <exception cref="StartupException">It is neither, or has passed.</exception>
    public static DateTimeOffset? End(string option, string? typed, DateTimeOffset now)
    {
        if (string.IsNullOrWhiteSpace(typed)) return null;
        DateTimeOffset end;
        if (DateOnly.TryParseExact(typed.Trim(), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)) end = new DateTimeOffset(day.AddDays(1), TimeOnly.MinValue, TimeSpan.Zero);
        else if (!DateTimeOffset.TryParseExact(typed.Trim(), Instants, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out end))
            throw new StartupException($"{option} {typed} is no date: write 2027-03-31 (the whole day counts, UTC) or 2027-03-31T12:00Z.");
        return end > now ? end : throw new StartupException($"{option} {typed} has passed: choose a day in the future.");
    }
}
