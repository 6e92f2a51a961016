namespace Tracepipe.StripeSandbox.Core;

/// <summary>
/// What a change in the middle of a period costs: the unused time of the old price comes back, the remaining time of
/// the new one is charged. The preview and the change itself call the same functions, so they agree to the cent.
/// </summary>
internal static class Prorations
{
    /// <summary>The unused time of an item from a moment to its period's end; null when there is none.</summary>
    public static Line? Credit(UnitOfWork work, Doc subscription, Doc item, long at)
    {
        var price = Subscriptions.PriceOf(work, item);
        var (start, end) = Period(item);
        if (Pricing.IsMetered(price) || at >= end) return null;
        var paid = Pricing.Exact(price, item.Long("quantity")) * (Pricing.Decimal(item.Hidden["paid_share"]) ?? 1);
        var amount = -Pricing.Prorate(paid, at, start, end);
        return Make(work, subscription, item.Id, price, item.Long("quantity"), amount, "Unused time", at, end);
    }

    /// <summary>The remaining time of a new price in the period of an item.</summary>
    public static Line? Charge(UnitOfWork work, Doc subscription, Doc item, Doc price, long quantity, long at)
    {
        var (start, end) = Period(item);
        if (Pricing.IsMetered(price) || at >= end) return null;
        var asked = Pricing.Exact(price, quantity) * Discounts.Share(work, subscription);
        return Make(work, subscription, item.Id, price, quantity, Pricing.Prorate(asked, at, start, end), "Remaining time", at, end);
    }

    /// <summary>A draft with these lines and everything of the subscription that was waiting for an invoice.</summary>
    public static Doc Invoice(UnitOfWork work, Doc subscription, IEnumerable<Line> lines, string reason)
    {
        var customer = work.Get("customer", subscription.Customer!);
        var invoice = Invoices.Make(work, customer, subscription["currency"]!, reason, subscription);
        foreach (var line in lines) Invoices.AddLine(work, invoice, line);
        Invoices.Pull(work, invoice, i => i["parent.subscription_details.subscription"] == subscription.Id || (reason == "subscription_cycle" && i.Node("parent") is null));
        invoice.Set("discounts", Discounts.ForInvoice(work, subscription, Clocks.NowUnix(work, customer.Id)));
        invoice["default_payment_method"] = null;
        Invoices.Total(work, invoice);
        return invoice;
    }

    /// <summary>Tells of a draft, finalizes it and collects at once.</summary>
    public static StripeError? Collect(UnitOfWork work, Doc invoice, Collection how)
    {
        InvoiceTimers.Announce(work, invoice);
        InvoicePayments.Finalize(work, invoice);
        return invoice.Status == "open" ? InvoicePayments.Pay(work, invoice, how) : null;
    }

    private static (long Start, long End) Period(Doc item) => (item.Hidden.LongOrNull("whole_start") ?? item.Long("current_period_start"), item.Hidden.LongOrNull("whole_end") ?? item.Long("current_period_end"));

    private static Line Make(UnitOfWork work, Doc subscription, string item, Doc price, long quantity, long amount, string what, long at, long end) =>
        new(amount, $"{what}: {quantity} × {Prices.Name(work, price)} from {DateTimeOffset.FromUnixTimeSeconds(at):d MMM yyyy}", at, end)
        {
            Price = price, Quantity = quantity, Item = item, Subscription = subscription.Id, Proration = true,
        };
}
