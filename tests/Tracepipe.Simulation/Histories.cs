using FsCheck;
using FsCheck.Fluent;

namespace Tracepipe.Simulation;

/// <summary>Random histories of two organizations: a seed is one history, for ever. Single steps, and short stories whose end would seldom come about by chance.</summary>
public static class Histories
{
    public static IReadOnlyList<Step> Of(int seed, int length) => [.. Stories(length).Sample(1, new Rnd((ulong)seed, 0x9E3779B97F4A7C15), length).Single().Take(length)];

    private static Gen<IReadOnlyList<Step>> Stories(int length) =>
        // One of the two lives more, so that it comes to something.
        Gen.Frequency((3, Gen.Constant(0)), (1, Gen.Constant(1))).SelectMany(who => Gen.Frequency((3, Step(who).Select(s => (IReadOnlyList<Step>)[s])), (1, Story(who)))).ListOf(length).Select(s => (IReadOnlyList<Step>)[.. s.SelectMany(steps => steps)]);

    private static Gen<IReadOnlyList<Step>> Story(int who) => Gen.OneOf(
        All(TopUp(who), Deliver()),
        All(GiveBack(who), Deliver(), GiveBack(who), GiveBack(who), Deliver()),
        All(TakeHold(who), CommitHold(who)),
        All(TakeHold(who), Pass(), CommitHold(who)),
        All(SetCap(who), Report(who), SetCap(who)),
        All(SetCap(who), Report(who), Generate(who), Correct(who), Correct(who)),
        All(Report(who), PassToMonth(), Report(who), Correct(who), PassToMonth()),
        All(SwitchCard(who), Report(who), PassToMonth(), Pass(), PayInvoice(who)));

    private static Gen<Step> Step(int who) => Gen.Frequency(
        (4, TopUp(who)), (2, GiveBack(who)), (6, Deliver()), (14, TakeHold(who)), (12, CommitHold(who)), (3, ReleaseHold(who)), (14, Report(who)), (3, ReportAgain(who)), (4, SetCap(who)), (2, SwitchCard(who)),
        (3, ChangePlan(who)), (2, Gen.Constant((Step)new PayHeldBack(who))), (4, Generate(who)), (3, PayInvoice(who)), (5, Correct(who)), (7, Pass()), (7, PassToMonth()));

    private static Gen<Step> TopUp(int who) => from cents in Gen.Elements(50L, 999L, 1000L, 1500L, 2000L, 2500L, 5000L) select (Step)new TopUp(who, cents);

    private static Gen<Step> GiveBack(int who) => from purchase in Index() from cents in Gen.Elements(1L, 500L, 700L, 1000L) select (Step)new GiveBack(who, purchase, cents);

    private static Gen<Step> Deliver() => from order in Gen.Choose(0, 1000) from times in Gen.Choose(1, 3) select (Step)new Deliver(order, times);

    private static Gen<Step> TakeHold(int who) =>
        from units in Gen.Choose(1, 7) from minutes in Gen.Elements(1, 15, 60, 1440) from times in Gen.Choose(1, 2) select (Step)new TakeHold(who, units, minutes, times);

    private static Gen<Step> CommitHold(int who) => from hold in Index() from units in Gen.Choose(0, 4) from times in Gen.Choose(1, 3) select (Step)new CommitHold(who, hold, units, times);

    private static Gen<Step> ReleaseHold(int who) => from hold in Index() select (Step)new ReleaseHold(who, hold);

    // Halves of a cent (500 tokens) are as frequent as whole ones; so is use that is weeks late.
    private static Gen<Step> Report(int who)
    {
        var tokens = Gen.OneOf(Gen.Choose(1, 400).Select(n => n * 500), Gen.Choose(1, 2_000_000), Gen.Choose(1, 900));
        var age = Gen.Frequency((6, Gen.Choose(0, 90)), (3, Gen.Choose(0, 50_000)), (1, Gen.Choose(50_000, 60_000)), (1, Gen.Choose(-8, 0)));
        return from count in Gen.Choose(1, 4)
               from events in (from name in Gen.Choose(0, 60) from t in tokens from a in age select new Reported(name, t, a)).ListOf(count)
               select (Step)new Report(who, [.. events.DistinctBy(e => e.Age)]);
    }

    private static Gen<Step> ReportAgain(int who) => from report in Index() select (Step)new ReportAgain(who, report);

    private static Gen<Step> SetCap(int who) => from cents in Gen.Elements<long?>(0, 37, 200, 1500, 3000, 10_000, null) select (Step)new SetCap(who, cents);

    private static Gen<Step> SwitchCard(int who) => from pays in Gen.Elements(true, true, false) select (Step)new SwitchCard(who, pays);

    private static Gen<Step> ChangePlan(int who) => from tier in Gen.Elements<string?>("starter", "pro", null) select (Step)new ChangePlan(who, tier);

    private static Gen<Step> Generate(int who) => from crash in Crash() select (Step)new Generate(who, crash);

    private static Gen<Step> PayInvoice(int who) => from invoice in Index() select (Step)new PayInvoice(who, invoice);

    private static Gen<Step> Correct(int who) => from record in Index() select (Step)new Correct(who, record);

    private static Gen<Step> Pass() => from minutes in Gen.Elements(1, 20, 61, 1440, 4000, 11_000) from crash in Crash() select (Step)new Pass(TimeSpan.FromMinutes(minutes), crash);

    private static Gen<Step> PassToMonth() => from minutes in Gen.Elements(-2, 0, 30, 60, 61, 3000) from crash in Crash() select (Step)new PassToMonth(TimeSpan.FromMinutes(minutes), crash);

    private static Gen<string?> Crash() => Gen.Frequency((3, Gen.Constant((string?)null)), (1, Gen.Elements(Terms.Crashes.ToArray()).Select(c => (string?)c)));

    private static Gen<int> Index() => Gen.Choose(0, 20);

    private static Gen<IReadOnlyList<Step>> All(params Gen<Step>[] steps) =>
        steps.Aggregate(Gen.Constant((IReadOnlyList<Step>)[]), (before, step) => from list in before from next in step select (IReadOnlyList<Step>)[.. list, next]);
}
