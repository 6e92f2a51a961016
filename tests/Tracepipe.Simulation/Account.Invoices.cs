namespace Tracepipe.Simulation;

internal sealed partial class Account
{
    /// <summary>What the workers do at a moment: holds expire, months are closed, invoices go out and are collected, reminders follow.</summary>
    public void Work(DateTimeOffset now)
    {
        Expire(now);
        CloseDue(now);
        Push(now);
        Remind(now);
    }

    public string Generate(DateTimeOffset now)
    {
        var before = Copy();
        Settle(now);
        var month = Month.Of(now);
        foreach (var key in Open(month)) Decide(key, Rounded(key));
        if (!Make(month, Take(month)))
        {
            Become(before);
            return "nothing";
        }
        var made = bills[^1];
        Push(now);
        return $"made {made.Total}";
    }

    public string Pay(int index, DateTimeOffset now)
    {
        _ = now;
        if (bills.Count == 0) return "none";
        var number = index % bills.Count;
        if (bills[number].Status is not "open") return "409";
        Paid(number);
        return "paid";
    }

    private void CloseDue(DateTimeOffset now)
    {
        var current = Month.Of(now - Terms.CloseAfter);
        while (accruals.Keys.Where(k => k.Series == 0).Select(k => k.Month).Concat(items.Select(i => i.Month)).Where(m => m < current && !closed.Contains(m)).Order().Cast<DateOnly?>().FirstOrDefault() is { } month)
        {
            closed.Add(month);
            foreach (var key in Open(month)) Decide(key, Rounded(key));
            var taken = Take(month);
            if (!Make(month, taken)) Carry(month, taken, OpenMonth(month.AddMonths(1), Month.Of(now)));
        }
    }

    /// <summary>What stands for an invoice of the month: lines of other months, then what has accrued, which no longer grows.</summary>
    private List<Item> Take(DateOnly month)
    {
        var all = items.Where(i => i.Month == month).ToList();
        var series = 1 + accruals.Keys.Where(k => k.Month == month).Select(k => k.Series).DefaultIfEmpty(0).Max();
        foreach (var key in Open(month).Where(k => accruals[k].Quantity > 0))
        {
            var (use, taken) = (accruals[key], key with { Series = series });
            accruals.Remove(key);
            accruals[taken] = use;
            for (var i = 0; i < records.Count; i++)
                if (records[i] is { Taken: null } r && r.Meter == key.Meter && r.Month == key.Month && r.Origin == key.Origin) records[i] = r with { Taken = taken };
            all.Add(new Item(-1, month, key.Origin, "use", key.Meter, use.Decided, use.Credits, taken));
        }
        return all;
    }

    private bool Make(DateOnly month, List<Item> taken)
    {
        var total = taken.Sum(Charged);
        var credits = taken.Sum(i => i.Credits);
        var due = total - credits;
        if (total < Terms.MinimumChargeCents || due is > 0 and < Terms.MinimumChargeCents) return false;
        var lines = new List<Line>();
        foreach (var item in taken)
        {
            lines.Add(new Line(item.Cents, item.Kind is "held_back" ? null : item.Of));
            if (item.Kind is "use" && accruals[item.Of!.Value].HeldBack is > 0 and var back) lines.Add(new Line(-back, null));
        }
        if (lines.Sum(l => l.Cents) != total) Broken.Add($"an invoice of {total} has lines of {lines.Sum(l => l.Cents)}");
        bills.Add(new Bill(month, lines, total, credits, due == 0 ? "paid" : "draft", 0, 0, 0, null, 0, null));
        items.RemoveAll(i => i.Month == month);
        return true;
    }

    /// <param name="next">Usually the month after it; when that one is closed, which late use of a month without any can bring about, the current one.</param>
    private void Carry(DateOnly month, List<Item> taken, DateOnly next)
    {
        foreach (var item in taken)
        {
            var left = Charged(item);
            if (left <= 0) continue;
            if (item.Origin.AddMonths(Terms.MonthsCarried) <= month)
            {
                var owed = left - item.Credits;
                if (owed > 0) Post(("receivable", owed), ("write_offs", -owed));
                continue;
            }
            items.RemoveAll(i => item.Number >= 0 && i.Number == item.Number);
            if (defect is Defect.SmallMonthIsLost) continue;
            items.Add(item.Number >= 0 ? item with { Month = next } : new Item(itemNumber++, next, item.Origin, "carried", item.Meter, left, item.Credits, item.Of));
        }
    }

    private long Charged(Item item) => item.Kind is "use" ? item.Cents - accruals[item.Of!.Value].HeldBack : item.Cents;

    private void Push(DateTimeOffset now)
    {
        for (var i = 0; i < bills.Count; i++)
        {
            if (bills[i].Status is not "draft") continue;
            bills[i] = bills[i] with { Status = "open", DunningDue = now + Terms.DueAfter };
            if (cardPays) Paid(i);
        }
    }

    private void Paid(int number)
    {
        var bill = bills[number];
        if (bill.Open > 0) Post(("receivable", bill.Open), ("cash", -bill.Open));
        bills[number] = bill with { Status = "paid", Paid = bill.Open, DunningDue = null };
        if (!bills.Any(b => b is { Status: "open", DunningStep: 4 })) isSuspended = false;
    }

    private void Remind(DateTimeOffset now)
    {
        for (var i = 0; i < bills.Count; i++)
        {
            if (bills[i] is not { Status: "open", DunningDue: { } due } bill || due > now) continue;
            var (since, step) = (bill.DunningSince ?? now, bill.DunningSince is null ? 0 : bill.DunningStep + 1);
            bills[i] = bill with { DunningSince = since, DunningStep = step, DunningDue = step < Terms.Dunning.Count ? since + Terms.Dunning[step] : null };
            if (step == Terms.Dunning.Count) isSuspended = true;
            else if (cardPays) Paid(i);
        }
    }
}
