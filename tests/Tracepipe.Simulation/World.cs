namespace Tracepipe.Simulation;

/// <summary>Two organizations, who have nothing to do with each other, and the steps that they live through.</summary>
public sealed class World(Defect defect = Defect.None)
{
    private readonly Account[] accounts = [new(defect), new(defect)];

    /// <summary>Takes a step at a moment.</summary>
    /// <returns>What whoever took it is answered.</returns>
    public string Take(Step step, DateTimeOffset now)
    {
        var account = step is StepOf of ? accounts[of.Who] : null;
        switch (step)
        {
            case TopUp buy:
                account!.Buy(buy.Cents);
                return "bought";
            case GiveBack back:
                return account!.Refundable(back.Purchase, back.Cents) is var (purchase, cents) ? account.GiveBack(purchase, cents) : "none";
            case Deliver deliver:
                Hear(deliver.Order, deliver.Times, now);
                return "delivered";
            case TakeHold take:
                return account!.Take(take.Units, TimeSpan.FromMinutes(take.Minutes), now);
            case CommitHold commit:
                return account!.Granted(commit.Hold) is { } committed ? account.Commit(committed, commit.Units == 0 ? null : commit.Units, commit.Times, now) : "none";
            case ReleaseHold release:
                return account!.Granted(release.Hold) is { } released ? account.Release(released) : "none";
            case Report report:
                return account!.Report(account.Remember(report.Events, now), now);
            case ReportAgain again:
                return account!.Reports.Count == 0 ? "none" : account.Report(again.Report % account.Reports.Count, now);
            case SetCap set:
                return account!.SetCap(set.Cents, now);
            case SwitchCard turned:
                account!.SwitchCard(turned.IsOn);
                return "switched";
            case ChangePlan plan:
                account!.SetPlan(plan.Tier, now);
                return "changed";
            case PayHeldBack:
                return account!.PayHeldBack(now);
            case Generate:
                return account!.Generate(now);
            case PayInvoice pay:
                return account!.Pay(pay.Invoice, now);
            case Correct correct:
                Hear(0, 1, now); // a correction waits until everything that happened before is known
                return account!.Correct(correct.Record);
            case Pass or PassToMonth:
                foreach (var one in accounts) one.Work(now);
                return "passed";
            default:
                throw new ArgumentOutOfRangeException(nameof(step), step, "Not a step.");
        }
    }

    /// <summary>The moment at which a step has happened: later than it began, when time passes.</summary>
    public static DateTimeOffset After(Step step, DateTimeOffset now) => step switch
    {
        Pass pass => now + pass.By,
        PassToMonth to when Month.Start(Month.Of(now).AddMonths(1)) + to.After is var at && at > now => at,
        PassToMonth to => Month.Start(Month.Of(now).AddMonths(2)) + to.After,
        _ => now,
    };

    public string Describe(int who) => accounts[who].Describe();

    /// <summary>What must never be, and is.</summary>
    public IReadOnlyList<string> Broken => [.. accounts.SelectMany(a => a.Broken)];

    /// <summary>What a step points at, before it is taken; null: at nothing.</summary>
    public (int Purchase, long Cents)? PurchaseOf(GiveBack step) => accounts[step.Who].Refundable(step.Purchase, step.Cents);

    public IReadOnlyList<int> UntoldOf(int who, int order) => accounts[who].Untold(order);

    public int? HoldOf(int who, int index) => accounts[who].Granted(index);

    /// <summary>The number that the next hold gets.</summary>
    public int NextHoldOf(int who) => accounts[who].Holds.Count;

    public int? InvoiceOf(PayInvoice step) => accounts[step.Who].Bills.Count is > 0 and var count ? step.Invoice % count : null;

    public int? ReportOf(ReportAgain step) => accounts[step.Who].Reports.Count is > 0 and var count ? step.Report % count : null;

    public (int Hold, string? Pocket, int? Event)? RecordOf(Correct step) => accounts[step.Who].Correctable(step.Record);

    private void Hear(int order, int times, DateTimeOffset now)
    {
        foreach (var one in accounts) one.Hear(order, times, now);
    }
}
