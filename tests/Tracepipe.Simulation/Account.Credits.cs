namespace Tracepipe.Simulation;

internal sealed partial class Account
{
    /// <summary>Paid for at the provider; nothing here knows of it yet.</summary>
    public void Buy(long cents) => purchases.Add(new Purchase(cents, 0, 0, IsPosted: false));

    /// <summary>The purchase that a number points at: one that is posted and has something left. Not more goes back than that.</summary>
    public (int Purchase, long Cents)? Refundable(int index, long cents)
    {
        var candidates = Enumerable.Range(0, purchases.Count).Where(i => purchases[i].IsPosted && purchases[i].RefundedAtProvider < purchases[i].Cents).ToList();
        return candidates.Count == 0 ? null : (candidates[index % candidates.Count], Math.Min(cents, purchases[candidates[index % candidates.Count]].Cents - purchases[candidates[index % candidates.Count]].RefundedAtProvider));
    }

    public string GiveBack(int purchase, long cents)
    {
        purchases[purchase] = purchases[purchase] with { RefundedAtProvider = purchases[purchase].RefundedAtProvider + cents };
        return "refunded";
    }

    /// <summary>The purchases of which something new will be told, in the order in which it is.</summary>
    public IReadOnlyList<int> Untold(int order)
    {
        var waiting = Enumerable.Range(0, purchases.Count).Where(i => !purchases[i].IsPosted || purchases[i].RefundedAtProvider > purchases[i].Refunded).ToList();
        if (order % 2 == 1) waiting.Reverse();
        return waiting.Count == 0 ? [] : [.. waiting.Skip(order % waiting.Count), .. waiting.Take(order % waiting.Count)];
    }

    /// <summary>What has happened at the provider is told, each thing so many times.</summary>
    public void Hear(int order, int times, DateTimeOffset now)
    {
        foreach (var i in Untold(order))
        {
            var bought = purchases[i];
            if (!bought.IsPosted)
            {
                for (var told = 0; told < (defect is Defect.PurchasePostsAgain ? times : 1); told++) Post(("available", bought.Cents), ("cash", -bought.Cents));
                purchases[i] = bought with { IsPosted = true };
                SettleHeldBack(fromCardToo: false, now);
                continue;
            }
            // The provider tells the sum of all refunds; only what is new is taken back.
            var taken = defect is Defect.RefundsAddUp ? bought.RefundedAtProvider : bought.RefundedAtProvider - bought.Refunded;
            Post(("available", -taken), ("cash", taken));
            purchases[i] = bought with { Refunded = bought.RefundedAtProvider };
        }
    }

    /// <returns>Cents that credits have paid, at most what there is.</returns>
    private long FromCredits(long atMost)
    {
        var credits = Math.Clamp(Available, 0, atMost);
        if (credits > 0) Post(("available", -credits), ("revenue", credits));
        return credits;
    }

    /// <returns>Cents that the card will pay, within the cap of the month.</returns>
    private long FromCard(DateOnly month, long atMost)
    {
        if (!cardPays) return 0;
        var (metered, held) = (SpentIn(month).Metered, SpentIn(month).Held);
        if (defect is Defect.CapForgetsHolds) held = 0;
        var room = cap is not { } most || defect is Defect.CapForgetsReportedUse ? atMost : Math.Clamp(most - metered - held, 0, atMost);
        if (room == 0) return 0;
        Spend(month, room, 0);
        Post(("revenue", room), ("receivable", -room));
        return room;
    }

    public string SetCap(long? cents, DateTimeOffset now)
    {
        var isHigher = cap is { } before && (cents is not { } wanted || wanted > before);
        cap = cents;
        return $"paid {(isHigher ? SettleHeldBack(fromCardToo: true, now) : 0)}";
    }

    public string PayHeldBack(DateTimeOffset now) => $"paid {SettleHeldBack(fromCardToo: true, now)}";

    private long SettleHeldBack(bool fromCardToo, DateTimeOffset now)
    {
        var current = Month.Of(now);
        var paid = 0L;
        foreach (var (key, owed) in accruals.Where(a => a.Value.HeldBack > 0).OrderBy(a => a.Key.Month).ThenBy(a => a.Key.Meter, StringComparer.Ordinal).ThenBy(a => a.Key.Origin).ThenBy(a => a.Key.Series).ToList())
        {
            var credits = FromCredits(owed.HeldBack);
            var metered = fromCardToo ? FromCard(current, owed.HeldBack - credits) : 0;
            if (credits + metered == 0) continue;
            paid += credits + metered;
            var month = OpenMonth(key.Month, current);
            if (key.Series == 0 && month == key.Month) accruals[key] = owed with { Credits = owed.Credits + credits, Metered = owed.Metered + metered, HeldBack = owed.HeldBack - credits - metered };
            else
            {
                // What an invoice has taken stays as it was: this is a line of the next one.
                accruals[key] = owed with { HeldBack = owed.HeldBack - credits - metered };
                items.Add(new Item(itemNumber++, month, key.Origin, "held_back", key.Meter, credits + metered, credits, null));
            }
        }
        return paid;
    }
}
