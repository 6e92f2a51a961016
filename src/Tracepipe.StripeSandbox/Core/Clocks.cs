namespace Tracepipe.StripeSandbox.Core;

/// <summary>Which time holds for whom: a customer on a test clock lives at its frozen time, all others at wall time.</summary>
internal static class Clocks
{
    public const string Kind = "test_helpers.test_clock";

    public static void Join(UnitOfWork work, Doc customer, string clock)
    {
        work.Get(Kind, clock, "test_clock");
        customer["test_clock"] = clock;
    }

    public static DateTimeOffset Now(UnitOfWork work, string? customer) =>
        work.Find(Kind, work.Find("customer", customer)?["test_clock"]) is { } clock ? DateTimeOffset.FromUnixTimeSeconds(clock.Long("frozen_time")) : work.Now;
}
