using Npgsql;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>Why something is posted, who did it and when. The same cause never posts twice.</summary>
/// <param name="Kind">purchase, grant, expiry, hold, hold_settled, settle, invoice, payment, refund, dispute, reversal or write_off.</param>
/// <param name="Id">What names the cause within its kind: a payment intent, a hold, an invoice.</param>
/// <param name="At">When it is posted, UTC.</param>
/// <param name="About">The id of the cause that this one follows: a refund its purchase.</param>
/// <param name="Memo">What a person reads beside the amount.</param>
internal sealed record Cause(string Kind, string Id, Actor By, DateTimeOffset At, string? About = null, string? Memo = null);

/// <summary>One side of a posting: positive on the credit side.</summary>
/// <param name="Account">available, held, cash, receivable, revenue, refunds, promotions or write_offs.</param>
/// <param name="Lot">The grant whose credits these are; <see cref="Guid.Empty"/> for what was bought and for all other accounts.</param>
internal sealed record Leg(string Account, Guid Lot, long AmountMinor);

/// <summary>A cause and what it moves: legs that sum to zero.</summary>
internal sealed record Posting(Cause Cause, IReadOnlyList<Leg> Legs);

/// <summary>Prepaid credits at a moment.</summary>
/// <param name="Available">What may be spent; negative after a refund of what was spent already.</param>
/// <param name="Held">Set aside for work in progress.</param>
internal sealed record CreditBalance(Money Available, Money Held)
{
    /// <param name="first">Where its columns begin.</param>
    internal static CreditBalance Read(NpgsqlDataReader r, int first = 0) => new(Money.Usd(r.GetInt64(first)), Money.Usd(r.GetInt64(first + 1)));
}

/// <summary>A line of the credit statement.</summary>
/// <param name="Kind">The kind of its cause.</param>
/// <param name="CauseId">The cause: payment intent, grant, hold, invoice.</param>
/// <param name="Amount">What it changed.</param>
/// <param name="Balance">Available and held together after it.</param>
internal sealed record CreditLine(Guid Id, string Kind, string CauseId, string? Memo, Money Amount, Money Balance, DateTimeOffset At);

/// <summary>A page of the statement, newest first.</summary>
/// <param name="Next">Where the next page begins; null on the last.</param>
internal sealed record CreditStatement(IReadOnlyList<CreditLine> Lines, string? Next);

/// <summary>Credits that were a gift.</summary>
/// <param name="Left">Not used yet.</param>
/// <param name="ExpiresAt">They count for use before; null: for good.</param>
internal sealed record CreditGrant(Guid Id, Money Left, DateTimeOffset? ExpiresAt);
