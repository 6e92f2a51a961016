namespace Tracepipe.Simulation;

internal sealed partial class Account
{
    /// <summary>The record that a number points at: one behind a line; null when there is none.</summary>
    public (int Hold, string? Pocket, int? Event)? Correctable(int index)
    {
        var candidates = Candidates();
        if (candidates.Count == 0) return null;
        var record = records[candidates[index % candidates.Count]];
        return (record.Hold, record.Pocket, record.Event);
    }

    /// <summary>A line is computed again without a record; what it comes to less goes back: what was held back, the card, credits.</summary>
    public string Correct(int index)
    {
        var candidates = Candidates();
        if (candidates.Count == 0) return "none";
        var at = candidates[index % candidates.Count];
        var (record, of) = (records[at], records[at].Taken!.Value);
        var number = bills.FindIndex(b => b.Lines.Any(l => l.Use == of));
        var bill = bills[number];
        if (record.IsCorrected) return "409";
        var use = accruals[of];
        var before = corrections.Where(c => c.Of == of).ToList();
        var left = use.Quantity - before.Sum(c => c.Quantity);
        var off = Math.Min(record.Quantity, left);
        if (off <= 0) return "409";
        var price = Terms.PriceOf(of.Meter) * 100;
        var cents = Round(use.Quantity * price) - before.Sum(c => c.Cents) - Round((left - off) * price);
        var heldBack = defect is Defect.CorrectionForgetsHeldBack ? 0 : Math.Min(cents, use.HeldBack);
        var card = Math.Min(cents - heldBack, use.Metered - before.Sum(c => c.Card));
        var credits = cents - heldBack - card;
        accruals[of] = use with { HeldBack = use.HeldBack - heldBack };
        corrections.Add(new Correction(of, off, cents, card));
        records[at] = record with { IsCorrected = true };
        if (credits > 0) Post(("revenue", -credits), ("available", credits));
        if (card > 0)
        {
            spending[of.Month] = SpentIn(of.Month) with { Metered = Math.Max(0, SpentIn(of.Month).Metered - card) };
            var isRefund = bill.Status is "paid";
            Post(("revenue", -card), (isRefund ? "cash" : "receivable", card));
            bills[number] = bill with { Credited = bill.Credited + (isRefund ? 0 : card), Refunded = bill.Refunded + (isRefund ? card : 0) };
            if (!isRefund && bills[number].Open == 0) Paid(number);
        }
        return $"credited {cents}";
    }

    private List<int> Candidates() => [.. Enumerable.Range(0, records.Count).Where(i => records[i].Taken is { } of && bills.Any(b => b.Status is "open" or "paid" && b.Lines.Any(l => l.Use == of)))];
}
