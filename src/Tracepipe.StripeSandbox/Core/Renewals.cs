namespace Tracepipe.StripeSandbox.Core;

/// <summary>What time does to a subscription: trials end, periods follow each other, a planned end arrives.</summary>
internal static class Renewals
{
    private static readonly TimeSpan TrialWarning = TimeSpan.FromDays(3);
    private static readonly TimeSpan UpcomingNotice = TimeSpan.FromDays(7);

    /// <summary>The next moment at which something happens.</summary>
    public static void Plan(UnitOfWork work, Doc subscription)
    {
        // "At period end" follows the period when a change moves it.
        if (!Subscriptions.IsOver(subscription) && subscription.Flag("cancel_at_period_end")) subscription.Set("cancel_at", Subscriptions.PeriodEnd(work, subscription));
        Agenda.Set(work, subscription, subscription.Status switch
        {
            "canceled" or "incomplete_expired" or "paused" => null,
            "incomplete" => subscription.Long("created") + (long)Subscriptions.FirstPaymentWithin.TotalSeconds,
            _ => Moments(work, subscription).Min(),
        });
    }

    public static void Due(UnitOfWork work, Doc subscription)
    {
        var now = Clocks.NowUnix(work, subscription.Customer);
        if (subscription.Status == "incomplete") Subscriptions.ExpireIncomplete(work, subscription);
        else if (subscription.LongOrNull("cancel_at") <= now) Cancel(work, subscription, now);
        else if (subscription.Status == "trialing" && subscription.Long("trial_end") <= now) EndTrial(work, subscription);
        else if (subscription.Status == "trialing" && WarningOf(subscription) is { } warning && warning <= now) Warn(work, subscription, warning);
        else if (Subscriptions.PeriodEnd(work, subscription) <= now) Renew(work, subscription, now);
        else if (NoticeOf(work, subscription) is { } notice && notice <= now) Notice(work, subscription);
        if (!subscription.IsDeleted) Plan(work, subscription);
    }

    /// <summary>The trial is over, by time or by request: the first paid period begins.</summary>
    public static void EndTrial(UnitOfWork work, Doc subscription)
    {
        var end = Math.Min(subscription.Long("trial_end"), Clocks.NowUnix(work, subscription.Customer));
        var hasCard = subscription["default_payment_method"] is not null || work.Get("customer", subscription.Customer!)["invoice_settings.default_payment_method"] is not null;
        if (!hasCard && subscription["trial_settings.end_behavior.missing_payment_method"] == "cancel")
        {
            Subscriptions.End(work, subscription, "payment_failed");
            return;
        }
        if (!hasCard && subscription["trial_settings.end_behavior.missing_payment_method"] == "pause")
        {
            subscription.Status = "paused";
            work.Emit("customer.subscription.paused", subscription);
            return;
        }
        subscription.Status = "active";
        subscription.Set("trial_end", end);
        subscription.Set("billing_cycle_anchor", end);
        foreach (var item in Subscriptions.Items(work, subscription)) item.Set("current_period_end", end);
        Renew(work, subscription, end);
    }

    /// <summary>The invoice that the next period will bring; for previews, which are thrown away.</summary>
    public static Doc Preview(UnitOfWork work, Doc subscription)
    {
        var end = Subscriptions.PeriodEnd(work, subscription);
        if (!SubscriptionSchedules.Foresee(work, subscription, end)) throw StripeError.Invalid("The subscription ends with this period: there is no invoice to come.", "subscription", "invoice_upcoming_none");
        var (lines, _) = Advance(work, subscription, end);
        var invoice = Prorations.Invoice(work, subscription, lines, "subscription_cycle");
        invoice["billing_reason"] = "upcoming";
        invoice.Set("period_end", end);
        invoice.Set("created", end);
        invoice.Set("next_payment_attempt", end + (long)InvoiceTimers.Grace.TotalSeconds);
        return invoice;
    }

    private static IEnumerable<long?> Moments(UnitOfWork work, Doc subscription)
    {
        yield return Subscriptions.PeriodEnd(work, subscription);
        if (subscription.LongOrNull("cancel_at") is { } end) yield return end;
        if (subscription.Status == "trialing" && WarningOf(subscription) is { } warning) yield return warning;
        if (NoticeOf(work, subscription) is { } notice) yield return notice;
    }

    private static long? WarningOf(Doc subscription)
    {
        var at = subscription.Long("trial_end") - (long)TrialWarning.TotalSeconds;
        return subscription.Hidden.LongOrNull("warned") >= at ? null : Math.Max(at, subscription.Long("trial_start"));
    }

    private static long? NoticeOf(UnitOfWork work, Doc subscription)
    {
        var end = Subscriptions.PeriodEnd(work, subscription);
        var at = end - (long)UpcomingNotice.TotalSeconds;
        if (subscription.Node("cancel_at") is not null || SubscriptionSchedules.EndsAt(work, subscription, end) || subscription.Hidden.LongOrNull("noticed") == end) return null;
        return at <= Subscriptions.Items(work, subscription).Min(i => i.Long("current_period_start")) ? null : at;
    }

    private static void Warn(UnitOfWork work, Doc subscription, long at)
    {
        subscription.Hidden.Set("warned", at);
        work.Emit("customer.subscription.trial_will_end", subscription);
    }

    /// <summary>Tells what the next invoice will look like, on a draft that is not kept.</summary>
    private static void Notice(UnitOfWork work, Doc subscription)
    {
        subscription.Hidden.Set("noticed", Subscriptions.PeriodEnd(work, subscription));
        var snapshot = work.Rehearse(rehearsal =>
        {
            var shown = Rendering.Render(rehearsal, Preview(rehearsal, rehearsal.Get(Subscriptions.Kind, subscription.Id)));
            shown.Remove("id");
            return shown;
        });
        work.EmitLoose("invoice.upcoming", snapshot, subscription.Customer);
    }

    private static void Cancel(UnitOfWork work, Doc subscription, long now)
    {
        var used = Usage.Lines(work, subscription, now, final: true);
        Subscriptions.End(work, subscription, "cancellation_requested");
        var waiting = work.OfCustomer(subscription.Customer!, InvoiceItems.Kind).Any(i => i["invoice"] is null && i["parent.subscription_details.subscription"] == subscription.Id);
        if (used.Count == 0 && !waiting) return;
        var last = Prorations.Invoice(work, subscription, used, "subscription_cycle");
        subscription["latest_invoice"] = last.Id;
        InvoiceTimers.Announce(work, last);
    }

    private static void Renew(UnitOfWork work, Doc subscription, long now)
    {
        var start = Subscriptions.Items(work, subscription).Min(i => i.Long("current_period_start"));
        var (lines, renewed) = Advance(work, subscription, now);
        if (!renewed) return;
        var invoice = Prorations.Invoice(work, subscription, lines, "subscription_cycle");
        invoice.Set("period_start", Math.Min(start, now));
        invoice.Set("period_end", now);
        if (subscription.Status == "unpaid") invoice.Set("auto_advance", false);
        subscription["latest_invoice"] = invoice.Id;
        work.EmitUpdated("customer.subscription.updated", subscription);
        InvoiceTimers.Announce(work, invoice);
    }

    /// <summary>Moves every item whose period has ended into its next one, and says what is to be charged.</summary>
    private static (IReadOnlyList<Line> Lines, bool Renewed) Advance(UnitOfWork work, Doc subscription, long now)
    {
        var anchor = DateTimeOffset.FromUnixTimeSeconds(subscription.Long("billing_cycle_anchor"));
        var lines = new List<Line>(Usage.Lines(work, subscription, now));
        var renewed = false;
        foreach (var item in Subscriptions.Items(work, subscription).Where(i => i.Long("current_period_end") <= now))
        {
            var price = Subscriptions.PriceOf(work, item);
            var start = item.Long("current_period_end");
            var end = Pricing.Interval(price).NextAfter(anchor, DateTimeOffset.FromUnixTimeSeconds(start)).ToUnixTimeSeconds();
            item.Set("current_period_start", start);
            item.Set("current_period_end", end);
            item.Hidden.Set("whole_start", start);
            item.Hidden.Remove("whole_end");
            renewed = true;
            if (Pricing.IsMetered(price)) continue;
            lines.Add(new Line(Pricing.Amount(price, item.Long("quantity")), $"{item.Long("quantity")} × {Prices.Name(work, price)}", start, end)
            {
                Price = price, Quantity = item.Long("quantity"), Item = item.Id, Subscription = subscription.Id,
            });
        }
        return (lines, renewed);
    }
}

/// <summary>A planned end: set, moved, taken back.</summary>
internal static class Cancellations
{
    /// <summary>At the end of the period that is paid.</summary>
    public static void AtPeriodEnd(UnitOfWork work, Doc subscription, bool byDate = false)
    {
        Restore(work, subscription);
        subscription.Set("cancel_at_period_end", !byDate);
        Mark(work, subscription, Subscriptions.PeriodEnd(work, subscription));
    }

    /// <summary>At a moment. In the middle of a period the period becomes shorter, and what was paid beyond comes back.</summary>
    public static void At(UnitOfWork work, Doc subscription, long at, bool prorate)
    {
        if (at <= Clocks.NowUnix(work, subscription.Customer)) throw StripeError.Invalid("A planned end lies in the future.", "cancel_at");
        Restore(work, subscription);
        subscription.Set("cancel_at_period_end", false);
        if (subscription.Status != "trialing")
            foreach (var item in Subscriptions.Items(work, subscription).Where(i => i.Long("current_period_end") > at))
            {
                if (prorate && Prorations.Credit(work, subscription, item, at) is { } credit)
                    item.Hidden["credit"] = InvoiceItems.Make(work, work.Get("customer", subscription.Customer!), subscription["currency"]!, credit).Id;
                item.Hidden.Set("whole_end", item.Long("current_period_end"));
                item.Set("current_period_end", at);
            }
        Mark(work, subscription, at);
    }

    public static void TakeBack(UnitOfWork work, Doc subscription)
    {
        Restore(work, subscription);
        subscription.Set("cancel_at_period_end", false);
        subscription.Set("cancel_at", null);
        subscription.Set("canceled_at", null);
        subscription.Set("cancellation_details", new System.Text.Json.Nodes.JsonObject { ["comment"] = null, ["feedback"] = null, ["reason"] = null });
        Renewals.Plan(work, subscription);
    }

    private static void Mark(UnitOfWork work, Doc subscription, long at)
    {
        subscription.Set("cancel_at", at);
        subscription.Set("canceled_at", Clocks.NowUnix(work, subscription.Customer));
        subscription["cancellation_details.reason"] = "cancellation_requested";
        Renewals.Plan(work, subscription);
    }

    private static void Restore(UnitOfWork work, Doc subscription)
    {
        foreach (var item in Subscriptions.Items(work, subscription))
        {
            if (item.Hidden.LongOrNull("whole_end") is not { } whole) continue;
            item.Set("current_period_end", whole);
            item.Hidden.Remove("whole_end");
            if (work.Find(InvoiceItems.Kind, item.Hidden["credit"]) is { } credit && credit["invoice"] is null) work.Delete(credit);
            item.Hidden.Remove("credit");
        }
    }
}
