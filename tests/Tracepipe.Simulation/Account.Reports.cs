namespace Tracepipe.Simulation;

internal sealed partial class Account
{
    /// <summary>The events that a report consists of, at their times. Sending them again sends the same.</summary>
    public int Remember(IReadOnlyList<Reported> events, DateTimeOffset now)
    {
        reports.Add([.. events.Select(e => new EventSeen(e.Name, e.Tokens, now.AddMinutes(-e.Age)))]);
        return reports.Count - 1;
    }

    public string Report(int report, DateTimeOffset now)
    {
        var (accepted, duplicates, conflicts, rejected) = (0, 0, 0, 0);
        var counted = new List<EventSeen>();
        // What is too old is judged first, by what was counted before this report.
        foreach (var e in reports[report].OrderBy(e => e.At >= now - Terms.LatestReport))
        {
            if (e.At > now + Terms.MostAhead) rejected++;
            else if (seen.Find(s => s.Name == e.Name) is { } known)
            {
                if (known != e) conflicts++;
                else if (defect is Defect.DuplicateCounts && e.At >= now - Terms.LatestReport) Count(e);
                else duplicates++;
            }
            else if (e.At < now - Terms.LatestReport) rejected++;
            else
            {
                seen.Add(e);
                Count(e);
            }
        }
        foreach (var e in counted.OrderBy(e => e.At)) Price(e, now);
        Settle(now);
        return $"202 accepted={accepted} duplicates={duplicates} conflicts={conflicts} rejected={rejected}";

        void Count(EventSeen e)
        {
            accepted++;
            counted.Add(e);
        }
    }

    private void Price(EventSeen e, DateTimeOffset now)
    {
        var allowance = AllowanceAt(e.At);
        var key = new QuotaKey(allowance.Pocket, Terms.Tokens, allowance.PeriodStart);
        var quota = quotas.GetValueOrDefault(key) ?? new Quota(0, 0);
        quotas[key] = quota with { Used = quota.Used + e.Tokens };
        var beyond = e.Tokens - Math.Clamp(allowance.Tier.Tokens - quota.Used, 0, e.Tokens);
        if (beyond <= 0) return;
        var origin = Month.Of(e.At);
        var month = defect is Defect.LateUseIsLost ? origin : OpenMonth(origin, Month.Of(now));
        var of = new AccrualKey(month, origin, Terms.Tokens, 0);
        var use = accruals.GetValueOrDefault(of) ?? new Accrual(0, 0, 0, 0);
        accruals[of] = use with { Quantity = use.Quantity + beyond };
        records.Add(new Record(-1, null, e.Name, Terms.Tokens, month, origin, beyond, null, IsCorrected: false));
    }

    /// <summary>Decides the whole cents of what has accrued in open months.</summary>
    private void Settle(DateTimeOffset now)
    {
        _ = now;
        foreach (var key in Open(null)) Decide(key, defect is Defect.RoundsWithEachSettlement ? Rounded(key) : (long)decimal.Floor(accruals[key].Quantity * Terms.PriceOf(key.Meter) * 100));
    }

    private List<AccrualKey> Open(DateOnly? month) =>
        [.. accruals.Keys.Where(k => k.Series == 0 && (month is { } only ? k.Month == only : !closed.Contains(k.Month))).OrderBy(k => k.Month).ThenBy(k => k.Meter, StringComparer.Ordinal).ThenBy(k => k.Origin)];

    private long Rounded(AccrualKey key) => Round(accruals[key].Quantity * Terms.PriceOf(key.Meter) * 100);

    private long Round(decimal cents) => (long)decimal.Round(cents, defect is Defect.HalfCentRoundsUp ? MidpointRounding.AwayFromZero : MidpointRounding.ToEven);

    private void Decide(AccrualKey key, long total)
    {
        var due = total - accruals[key].Decided;
        if (due <= 0) return;
        var credits = FromCredits(due);
        var metered = credits < due ? FromCard(key.Month, due - credits) : 0;
        var use = accruals[key];
        accruals[key] = use with { Credits = use.Credits + credits, Metered = use.Metered + metered, HeldBack = use.HeldBack + due - credits - metered };
    }

    /// <summary>The month whose invoice can still show it.</summary>
    private DateOnly OpenMonth(DateOnly origin, DateOnly current) => origin >= current || !closed.Contains(origin) ? origin : current;
}
