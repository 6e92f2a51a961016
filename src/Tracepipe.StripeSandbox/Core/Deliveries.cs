namespace Tracepipe.StripeSandbox.Core;

/// <summary>The outbox: one record per event and endpoint, committed with the change that it tells of.</summary>
internal static class Deliveries
{
    /// <summary>Waits to be sent, now or again.</summary>
    public const string Pending = "_pending_delivery";
    /// <summary>Arrived, or given up.</summary>
    public const string Finished = "_delivery";

    public static void Plan(UnitOfWork work, Doc told, Doc endpoint)
    {
        foreach (var start in work.Account.Chaos.Starts()) Plan(work, told, endpoint.Id, work.Account.RealNow + work.Account.Options.Webhooks.Delay + start + work.DeliveryDelay);
    }

    /// <summary>Sends an event again under the same id, whatever came of it before.</summary>
    public static void Resend(UnitOfWork work, Doc told, string endpoint) => Plan(work, told, endpoint, work.Account.RealNow);

    public static long Due(Record delivery) => delivery.Hidden["send_at"]!.GetValue<long>();

    /// <summary>What became of an attempt: done, another one later, or given up.</summary>
    public static void Attempted(UnitOfWork work, string id, int? status, string outcome)
    {
        if (work.Find(Pending, id) is not { } delivery) return;
        var attempt = delivery.Hidden.Long("attempt") + 1;
        var arrived = status is >= 200 and < 300;
        var schedule = work.Account.Options.Webhooks.RetrySchedule;
        delivery.Hidden.Set("attempt", attempt);
        delivery.Hidden.Set("status", status);
        delivery.Hidden["outcome"] = outcome;
        if (!arrived && attempt <= schedule.Count)
        {
            delivery.Hidden.Set("send_at", (work.Account.RealNow + schedule[(int)attempt - 1]).ToUnixTimeMilliseconds());
            return;
        }
        var finished = work.New(Finished, work.NewId("dlv_"), delivery.Parent);
        foreach (var (name, value) in delivery.Hidden.Json) finished.Hidden.Set(name, value?.DeepClone());
        finished.Hidden.Set("arrived", arrived);
        finished.Hidden.Set("finished", work.Account.RealNow.ToUnixTimeMilliseconds());
        work.Delete(delivery);
        if (arrived && work.Find("event", delivery.Parent) is { } told) told.Set("pending_webhooks", Math.Max(0, told.Long("pending_webhooks") - 1));
    }

    private static void Plan(UnitOfWork work, Doc told, string endpoint, DateTimeOffset due)
    {
        var delivery = work.New(Pending, work.NewId("dlv_"), told.Id);
        delivery.Hidden["endpoint"] = endpoint;
        delivery.Hidden["event"] = told.Id;
        delivery.Hidden["type"] = told["type"];
        delivery.Hidden.Set("attempt", 0L);
        delivery.Hidden.Set("send_at", due.ToUnixTimeMilliseconds());
    }
}
