namespace Tracepipe.StripeSandbox.Core;

/// <summary>What happens after a renewal could not be collected: tries on fixed days, then what the account's settings say.</summary>
internal static class Dunning
{
    /// <summary>Plans the next automatic try. The first invoice of a subscription has none: it expires instead.</summary>
    public static void Next(UnitOfWork work, Doc invoice, CardDecline? decline)
    {
        invoice.Hidden["hard_decline_of"] = decline is { IsHard: true } ? InvoicePayments.DefaultMethod(work, invoice)?.Id : null;
        if (!invoice.Flag("auto_advance") || invoice["billing_reason"] is "subscription_create" || invoice["collection_method"] != "charge_automatically") return;
        var now = Clocks.NowUnix(work, invoice.Customer);
        if (invoice.Hidden.LongOrNull("first_failed") is null) invoice.Hidden.Set("first_failed", now);
        var customer = work.Get("customer", invoice.Customer!);
        customer.Set("delinquent", true);
        work.EmitUpdated("customer.updated", customer);
        var first = DateTimeOffset.FromUnixTimeSeconds(invoice.Hidden.Long("first_failed"));
        var next = work.Account.Options.Billing.RetryDays.Select(d => first.AddDays(d).ToUnixTimeSeconds()).Where(t => t > now).Select(t => (long?)t).FirstOrDefault();
        invoice.Set("next_payment_attempt", next);
        Agenda.Set(work, invoice, next);
        if (next is null) invoice.Set("auto_advance", false);
    }

    /// <summary>An automatic try. After a hard decline the same card is not asked again; the try counts all the same.</summary>
    public static void Try(UnitOfWork work, Doc invoice)
    {
        if (invoice.Hidden["hard_decline_of"] is { } refused && InvoicePayments.DefaultMethod(work, invoice)?.Id == refused)
        {
            invoice.Set("attempt_count", invoice.Long("attempt_count") + 1);
            Next(work, invoice, null);
            invoice.Hidden["hard_decline_of"] = refused;
            work.EmitUpdated("invoice.updated", invoice);
        }
        else
        {
            InvoicePayments.Pay(work, invoice, new Collection(IsAutomatic: true));
        }
        if (invoice.Status == "open" && invoice.Node("next_payment_attempt") is null && work.Find(Subscriptions.Kind, Invoices.SubscriptionOf(invoice)) is { } subscription)
            Exhausted(work, subscription);
    }

    public static void Recovered(UnitOfWork work, Doc invoice)
    {
        var customer = work.Get("customer", invoice.Customer!);
        if (!customer.Flag("delinquent") || work.OfCustomer(customer.Id, Invoices.Kind).Any(i => i.Status == "open" && i.Hidden.LongOrNull("first_failed") is not null)) return;
        customer.Set("delinquent", false);
        work.EmitUpdated("customer.updated", customer);
    }

    private static void Exhausted(UnitOfWork work, Doc subscription)
    {
        // The last invoice of a canceled subscription changes nothing about it any more.
        if (Subscriptions.IsOver(subscription)) return;
        switch (work.Account.Options.Billing.AfterRetries)
        {
            case "cancel":
                Subscriptions.End(work, subscription, "payment_failed");
                break;
            case "unpaid":
                subscription.Status = "unpaid";
                work.EmitUpdated("customer.subscription.updated", subscription);
                break;
        }
    }
}

/// <summary>What a draft or open invoice does when its moment comes: finalization an hour after its creation was heard, and retries.</summary>
internal static class InvoiceTimers
{
    public static readonly TimeSpan Grace = TimeSpan.FromHours(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(72);

    /// <summary>A new automatic draft: told, and finalized an hour later.</summary>
    public static void Announce(UnitOfWork work, Doc invoice)
    {
        var told = work.Emit("invoice.created", invoice);
        invoice.Hidden.Set("told_by", new System.Text.Json.Nodes.JsonArray([.. told.Select(e => (System.Text.Json.Nodes.JsonNode)e)]));
        if (invoice.Status != "draft" || !invoice.Flag("auto_advance")) return;
        var at = (Clocks.Now(work, invoice.Customer) + Grace).ToUnixTimeSeconds();
        invoice.Set("automatically_finalizes_at", at);
        Agenda.Set(work, invoice, at);
    }

    public static bool Due(UnitOfWork work, Doc invoice)
    {
        if (invoice.Status == "draft") return Finalize(work, invoice);
        if (invoice.Status == "open") Dunning.Try(work, invoice);
        else Agenda.Set(work, invoice, null);
        return true;
    }

    /// <summary>Waits while the news of this draft is still under way; when it never arrived, up to three days.</summary>
    private static bool Finalize(UnitOfWork work, Doc invoice)
    {
        var news = invoice.Hidden.Array("told_by").Select(e => e!.GetValue<string>()).ToList();
        if (news.Any(e => work.Children(e, Deliveries.Pending).Any())) return false;
        var now = Clocks.Now(work, invoice.Customer);
        var unheard = news.SelectMany(e => work.Children(e, Deliveries.Finished)).GroupBy(d => d.Hidden["endpoint"]).Any(endpoint => !endpoint.Any(d => d.Hidden.Flag("arrived")));
        if (unheard && now < DateTimeOffset.FromUnixTimeSeconds(invoice.Long("created")) + LongestWait)
        {
            var at = (now + Grace).ToUnixTimeSeconds();
            invoice.Set("automatically_finalizes_at", at);
            Agenda.Set(work, invoice, at);
            return true;
        }
        if (!unheard) invoice.Set("webhooks_delivered_at", invoice.Long("created"));
        InvoicePayments.Finalize(work, invoice);
        if (invoice.Status == "open" && invoice.Flag("auto_advance") && invoice["collection_method"] == "charge_automatically") InvoicePayments.Pay(work, invoice, new Collection(IsAutomatic: true));
        return true;
    }
}
