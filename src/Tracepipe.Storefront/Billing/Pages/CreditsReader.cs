using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing.Pages;

/// <summary>What the page about credits shows, all of it from the book.</summary>
internal sealed record CreditsView(CreditBalance Balance, IReadOnlyList<CreditGrant> Grants, CreditStatement Statement, Money? AlertLevel, bool IsSuspended);

/// <summary>Reads it in two round trips.</summary>
internal sealed class CreditsReader(Database database, TimeProvider clock)
{
    private const int PerPage = 20;

    /// <param name="after">Where the ledger's page begins; null: at the newest.</param>
    public async Task<CreditsView> ReadAsync(Guid organization, Guid? person, string? after, CancellationToken cancel)
    {
        Answer<CreditBalance?>? balance = null;
        Answer<IReadOnlyList<CreditGrant>>? grants = null;
        Answer<Money?>? level = null;
        Answer<Standing?>? standing = null;
        await using var transaction = await database.BeginAsync(organization, person, cancel);
        await transaction.ReadAsync(q =>
        {
            balance = Book.AskBalance(q, organization, clock.GetUtcNow());
            grants = Book.AskGrants(q, organization);
            level = LowCredits.AskLevel(q, organization);
            standing = Standings.Ask(q, organization);
        }, cancel);
        return new CreditsView(balance!.Value!, grants!.Value, await Book.StatementAsync(organization, after, PerPage, transaction, cancel), level!.Value, standing!.Value?.IsSuspended is true);
    }
}

/// <summary>How a line of the ledger is told.</summary>
internal static class CreditWords
{
    /// <summary>What happened.</summary>
    public static string What(CreditLine line) => line.Kind switch
    {
        "purchase" => "Bought",
        "grant" => "Granted",
        "expiry" => "Expired",
        "hold_settled" => "Work done",
        "settle" => "Use",
        "refund" => "Refunded",
        "dispute" => "Disputed",
        "reversal" => "Taken back",
        "write_off" => "Written off",
        "invoice" => "Invoice",
        _ => "Posted",
    };

    /// <summary>What it was about; null when the first word says it.</summary>
    public static string? Why(CreditLine line) => line.Kind is "purchase" or "refund" or "expiry" || line.Memo is not { Length: > 0 } memo ? null : char.ToUpperInvariant(memo[0]) + memo[1..];

    /// <summary>The cause as people can ask about it.</summary>
    public static string Cause(CreditLine line) => line.Kind switch
    {
        "purchase" => $"Checkout {line.CauseId}",
        "refund" => $"Refund of checkout {Before(line.CauseId, ':')}",
        "grant" => $"Grant {line.CauseId}",
        "expiry" => $"Grant {Before(line.CauseId, ':')}",
        "hold_settled" => $"Hold {line.CauseId[..(line.CauseId.LastIndexOf('#') is >= 0 and var end ? end : line.CauseId.Length)]}",
        "settle" => "Settlement of use",
        _ => line.CauseId,
    };

    /// <summary>With its sign: <c>+$25.00</c>, <c>−$3.00</c>.</summary>
    public static string Signed(Money amount) => amount.Minor > 0 ? $"+{amount}" : amount.ToString();

    private static string Before(string text, char mark) => text.IndexOf(mark, StringComparison.Ordinal) is >= 0 and var end ? text[..end] : text;
}
