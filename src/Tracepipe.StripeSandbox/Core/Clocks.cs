using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>Which time holds for whom: a customer on a test clock lives at its frozen time, all others at wall time.</summary>
internal static class Clocks
{
    public const string Kind = "test_helpers.test_clock";

    /// <summary>The clock that stands for wall time.</summary>
    public const string Wall = "";

    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(30);
    private static readonly TimeSpan FarthestWithoutSubscriptions = TimeSpan.FromDays(2 * 366);

    public static Doc Make(UnitOfWork work, long frozenTime, string? name)
    {
        var clock = work.New(Kind, work.NewId("clock_"));
        clock.Set("deletes_after", (work.Now + Lifetime).ToUnixTimeSeconds());
        clock.Set("frozen_time", frozenTime);
        clock["name"] = name;
        clock.Status = "ready";
        clock.Set("status_details", new JsonObject());
        return clock;
    }

    public static void Join(UnitOfWork work, Doc customer, string clock)
    {
        const int Most = 3;
        var found = work.Get(Kind, clock, "test_clock");
        if (work.All("customer").Count(c => c["test_clock"] == clock) > Most) throw StripeError.Invalid($"A test clock has at most {Most} customers.", "test_clock");
        customer["test_clock"] = found.Id;
        customer.Set("created", Now(work, found).ToUnixTimeSeconds());
    }

    /// <summary>The test clock of a customer, or <see cref="Wall"/>.</summary>
    public static string Of(UnitOfWork work, string? customer) => work.Find("customer", customer)?["test_clock"] ?? Wall;

    public static DateTimeOffset Now(UnitOfWork work, string? customer) => At(work, Of(work, customer));

    public static long NowUnix(UnitOfWork work, string? customer) => Now(work, customer).ToUnixTimeSeconds();

    /// <summary>The time of a clock: what the agenda pretends, else where it stands.</summary>
    public static DateTimeOffset At(UnitOfWork work, string clock)
    {
        if (work.Pretended is { } moment && moment.Clock == clock) return moment.Time;
        return work.Find(Kind, clock) is { } frozen ? Now(work, frozen) : work.Now;
    }

    /// <summary>Starts to move a clock forwards; the agenda does what falls due on the way.</summary>
    public static void Advance(UnitOfWork work, Doc clock, long to)
    {
        if (clock.Status != "ready") throw StripeError.Invalid($"The clock is {clock.Status}; wait until it is ready.", "test_clock", "lock_timeout");
        var from = clock.Long("frozen_time");
        var farthest = Farthest(work, clock);
        if (to <= from) throw StripeError.Invalid("A clock moves forwards only.", "frozen_time");
        if (to > farthest) throw StripeError.Invalid($"The clock can be moved to {farthest} at most: two intervals of its shortest subscription, or two years without one.", "frozen_time");
        clock.Status = "advancing";
        clock.Set("status_details", new JsonObject { ["advancing"] = new JsonObject { ["target_frozen_time"] = to } });
        clock.Hidden.Set("progress", from);
        clock.Hidden.Set("ready_from", (work.Account.RealNow + work.Account.Options.Billing.ClockAdvance).ToUnixTimeMilliseconds());
        work.Emit("test_helpers.test_clock.advancing", clock);
    }

    public static void Arrive(UnitOfWork work, Doc clock)
    {
        clock.Set("frozen_time", Target(clock));
        clock.Status = "ready";
        clock.Set("status_details", new JsonObject());
        clock.Hidden.Remove("progress");
        work.Emit("test_helpers.test_clock.ready", clock);
    }

    public static long Target(Doc clock) => clock.Long("status_details.advancing.target_frozen_time");

    /// <summary>A clock goes with its customers and all that is theirs.</summary>
    public static void Delete(UnitOfWork work, Doc clock)
    {
        foreach (var customer in work.All("customer").Where(c => c["test_clock"] == clock.Id).ToList())
            if (!customer.Flag("deleted")) Customers.Delete(work, customer);
        work.Emit("test_helpers.test_clock.deleted", clock);
        work.Delete(clock);
    }

    private static DateTimeOffset Now(UnitOfWork work, Doc clock) =>
        DateTimeOffset.FromUnixTimeSeconds(clock.Hidden.LongOrNull("progress") ?? clock.Long("frozen_time"));

    private static long Farthest(UnitOfWork work, Doc clock)
    {
        var from = DateTimeOffset.FromUnixTimeSeconds(clock.Long("frozen_time"));
        var intervals = work.All("customer").Where(c => c["test_clock"] == clock.Id)
            .SelectMany(c => work.OfCustomer(c.Id, Subscriptions.Kind)).Where(s => s.Status is not ("canceled" or "incomplete_expired"))
            .SelectMany(s => work.Children(s.Id, Subscriptions.Item)).Select(i => Pricing.Interval(work.Find(i["price"])!));
        return (intervals.Select(i => (DateTimeOffset?)i.After(from, 2)).Min() ?? from + FarthestWithoutSubscriptions).ToUnixTimeSeconds();
    }
}
