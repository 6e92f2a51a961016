namespace Tracepipe.Simulation;

internal sealed partial class Account
{
    public string Take(long units, TimeSpan lasts, DateTimeOffset now)
    {
        var number = holds.Count;
        var no = Refusal(now) ?? (holds.Count(h => h.State is "open") >= AllowanceAt(now).Tier.Agents ? "429 agents_limit" : null);
        var parts = no is null ? Pockets(units, now, out no) : [];
        // A number is used up by a refusal, too: it names what was asked.
        holds.Add(new Hold(number, units, no is null ? "open" : "refused", now, now + lasts, null, parts));
        return no ?? $"201 {Said(parts)}";
    }

    /// <summary>Open or ended, but granted once; null when there is none.</summary>
    public int? Granted(int index)
    {
        var candidates = holds.Where(h => h.State is not "refused").ToList();
        return candidates.Count == 0 ? null : candidates[index % candidates.Count].Number;
    }

    public string Commit(int number, long? wanted, int times, DateTimeOffset now)
    {
        var hold = holds[number];
        var units = wanted ?? hold.Units;
        if (hold.State is "committed") return units == hold.Committed ? "200 committed" : "409 conflict";
        if (hold.State is "released") return "409 conflict";
        if (units > hold.Units) return "422 validation_error";
        var (parts, grantedAt) = (hold.Parts, hold.GrantedAt);
        if (hold.State is "expired")
        {
            if (isSuspended) return "409 hold_expired";
            parts = Pockets(units, now, out var no);
            if (no is not null) return "409 hold_expired";
            grantedAt = now;
        }
        for (var told = 0; told < (defect is Defect.CommitCountsAgain ? times : 1); told++)
        {
            var rest = units;
            foreach (var part in parts)
            {
                var used = Math.Min(rest, part.Units);
                rest -= used;
                if (told == 0) Free(part, part.Units, grantedAt);
                if (used > 0) Use(hold.Number, part, used, grantedAt, now);
            }
        }
        holds[number] = hold with { State = "committed", Committed = units, Parts = parts, GrantedAt = grantedAt };
        return "200 committed";
    }

    public string Release(int number)
    {
        var hold = holds[number];
        if (hold.State is "committed") return "409 conflict";
        if (hold.State is not "open") return $"200 {hold.State}";
        foreach (var part in hold.Parts) Free(part, part.Units, hold.GrantedAt);
        holds[number] = hold with { State = "released" };
        return "200 released";
    }

    private void Expire(DateTimeOffset now)
    {
        foreach (var hold in holds.Where(h => h.State is "open" && h.ExpiresAt <= now).ToList())
        {
            foreach (var part in hold.Parts)
                if (defect is not Defect.ExpiryKeepsCredits || part.Pocket is not "credits") Free(part, part.Units, hold.GrantedAt);
            holds[hold.Number] = hold with { State = "expired" };
        }
    }

    private string? Refusal(DateTimeOffset now)
    {
        _ = now;
        if (isSuspended) return "402 account_suspended";
        return HeldBack > 0 ? cardPays ? "402 spend_cap_reached" : "402 no_payment_method" : null;
    }

    /// <summary>Sets units aside: completely or not at all, pocket by pocket.</summary>
    private IReadOnlyList<Part> Pockets(long units, DateTimeOffset now, out string? no)
    {
        var before = Copy();
        var parts = new List<Part>();
        var allowance = AllowanceAt(now);
        var rest = units;
        if (defect is Defect.SubscriberBurnsFree && allowance.Pocket is "included") rest -= FromQuota(new Allowance("free", Terms.Tiers["free"], Month.Start(Month.Of(now))), rest, parts);
        rest -= FromQuota(allowance, rest, parts);
        var price = Terms.WorkflowCents;
        var credits = defect is Defect.UnitIsSplit ? Math.Clamp((Available + price - 1) / price, 0, rest) : Math.Clamp(Available / price, 0, rest);
        if (credits > 0)
        {
            Post(("available", -credits * price), ("held", credits * price));
            parts.Add(new Part("credits", allowance.PeriodStart, credits));
            rest -= credits;
        }
        no = null;
        if (rest == 0) return parts;
        var (month, spent) = (Month.Of(now), SpentIn(Month.Of(now)));
        if (!cardPays) no = "402 quota_exhausted";
        else if (cap is { } most && spent.Metered + (defect is Defect.CapForgetsHolds ? 0 : spent.Held) + (rest * price) > most) no = "402 spend_cap_reached";
        if (no is not null)
        {
            Become(before);
            return [];
        }
        Spend(month, 0, rest * price);
        parts.Add(new Part("metered", allowance.PeriodStart, rest));
        return parts;
    }

    private long FromQuota(Allowance allowance, long units, List<Part> parts)
    {
        var key = new QuotaKey(allowance.Pocket, Terms.Workflow, allowance.PeriodStart);
        var quota = quotas.GetValueOrDefault(key) ?? new Quota(0, 0);
        var granted = (long)Math.Clamp(allowance.Tier.Workflows - quota.Used - quota.Held, 0, units);
        if (granted == 0) return 0;
        quotas[key] = quota with { Held = quota.Held + granted };
        parts.Add(new Part(allowance.Pocket, allowance.PeriodStart, granted));
        return granted;
    }

    /// <summary>Gives back what was set aside.</summary>
    private void Free(Part part, long units, DateTimeOffset grantedAt)
    {
        var cents = units * Terms.WorkflowCents;
        if (part.Pocket is "credits") Post(("held", -cents), ("available", cents));
        else if (part.Pocket is "metered") Spend(Month.Of(grantedAt), 0, -cents);
        else
        {
            var key = new QuotaKey(part.Pocket, Terms.Workflow, part.PeriodStart);
            quotas[key] = quotas[key] with { Held = quotas[key].Held - units };
        }
    }

    private void Use(int hold, Part part, long units, DateTimeOffset grantedAt, DateTimeOffset now)
    {
        var cents = units * Terms.WorkflowCents;
        switch (part.Pocket)
        {
            case "credits":
                Post(("available", -cents), ("revenue", cents));
                Add(hold, part.Pocket, units, cents, 0, grantedAt, now);
                break;
            case "metered":
                spending[Month.Of(grantedAt)] = SpentIn(Month.Of(grantedAt)) with { Metered = SpentIn(Month.Of(grantedAt)).Metered + cents };
                Post(("revenue", cents), ("receivable", -cents));
                Add(hold, part.Pocket, units, 0, cents, grantedAt, now);
                break;
            default:
                var key = new QuotaKey(part.Pocket, Terms.Workflow, part.PeriodStart);
                quotas[key] = quotas[key] with { Used = quotas[key].Used + units };
                break;
        }
    }

    private void Add(int hold, string pocket, long units, long credits, long metered, DateTimeOffset grantedAt, DateTimeOffset now)
    {
        var origin = Month.Of(grantedAt);
        var key = new AccrualKey(OpenMonth(origin, Month.Of(now)), origin, Terms.Workflow, 0);
        var use = accruals.GetValueOrDefault(key) ?? new Accrual(0, 0, 0, 0);
        accruals[key] = use with { Quantity = use.Quantity + units, Credits = use.Credits + credits, Metered = use.Metered + metered };
        records.Add(new Record(hold, pocket, null, Terms.Workflow, key.Month, origin, units, null, IsCorrected: false));
    }

    private static string Said(IReadOnlyList<Part> parts) => string.Join(", ", parts.Select(p => $"{p.Pocket} {p.Units}"));
}
