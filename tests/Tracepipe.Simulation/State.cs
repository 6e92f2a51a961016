namespace Tracepipe.Simulation;

/// <summary>A plan in force, counted from the moment it was given.</summary>
internal sealed record Plan(string Tier, DateTimeOffset Anchor);

/// <summary>Who pays for units, and whose limits hold.</summary>
internal sealed record Allowance(string Pocket, Tier Tier, DateTimeOffset PeriodStart);

internal readonly record struct QuotaKey(string Pocket, string Meter, DateTimeOffset PeriodStart);

internal sealed record Quota(decimal Used, decimal Held);

internal sealed record Spent(long Metered, long Held);

internal sealed record Part(string Pocket, DateTimeOffset PeriodStart, long Units);

internal sealed record Hold(int Number, long Units, string State, DateTimeOffset GrantedAt, DateTimeOffset ExpiresAt, long? Committed, IReadOnlyList<Part> Parts);

internal sealed record Purchase(long Cents, long RefundedAtProvider, long Refunded, bool IsPosted);

internal sealed record EventSeen(int Name, int Tokens, DateTimeOffset At);

internal readonly record struct AccrualKey(DateOnly Month, DateOnly Origin, string Meter, int Series);

/// <summary>Use beyond the included, and how its cents were decided. Series 0 grows; what was taken by a month's end or an invoice has a higher one.</summary>
internal sealed record Accrual(decimal Quantity, long Credits, long Metered, long HeldBack)
{
    public long Decided => Credits + Metered + HeldBack;
}

/// <summary>Something that waits for the invoice of a month: carried from a small one, or no longer held back.</summary>
internal sealed record Item(int Number, DateOnly Month, DateOnly Origin, string Kind, string Meter, long Cents, long Credits, AccrualKey? Of);

internal sealed record Line(long Cents, AccrualKey? Use);

internal sealed record Bill(DateOnly Month, IReadOnlyList<Line> Lines, long Total, long Credits, string Status, long Paid, long Credited, long Refunded, DateTimeOffset? DunningSince, int DunningStep, DateTimeOffset? DunningDue)
{
    public long Due => Total - Credits;

    public long Open => Due - Credited;
}

/// <summary>A record that may be behind a line: units of a hold, or an event.</summary>
/// <param name="Event">The name of the event; null for units.</param>
/// <param name="Taken">The accrual that its line is made of; null while it still grows.</param>
internal sealed record Record(int Hold, string? Pocket, int? Event, string Meter, DateOnly Month, DateOnly Origin, decimal Quantity, AccrualKey? Taken, bool IsCorrected);

/// <summary>What was corrected on a line: quantity, cents, and which of them the card had paid.</summary>
internal sealed record Correction(AccrualKey Of, decimal Quantity, long Cents, long Card);

/// <summary>Months.</summary>
internal static class Month
{
    public static DateOnly Of(DateTimeOffset at) => new(at.Year, at.Month, 1);

    public static DateTimeOffset Start(DateOnly month) => new(month.Year, month.Month, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>The start of the month counted from an anchor.</summary>
    public static DateTimeOffset Anchored(DateTimeOffset anchor, DateTimeOffset at)
    {
        var months = 0;
        while (anchor.AddMonths(months + 1) <= at) months++;
        return anchor.AddMonths(months);
    }
}
