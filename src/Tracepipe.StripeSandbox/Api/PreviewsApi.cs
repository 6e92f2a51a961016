using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>The invoice that will come, or would: computed by the very functions that would make it, then thrown away.</summary>
internal static class PreviewsApi
{
    public static void AddTo(Dictionary<string, Operation> table) => table.Add("POST /v1/invoices/create_preview", Preview,
        "customer subscription schedule currency discounts invoice_items[amount] invoice_items[currency] invoice_items[description] invoice_items[price] invoice_items[price_data] invoice_items[quantity] invoice_items[discountable] invoice_items[period] " +
        "subscription_details[items][id] subscription_details[items][price] subscription_details[items][price_data] subscription_details[items][quantity] subscription_details[items][deleted] subscription_details[items][metadata] subscription_details[proration_behavior] " +
        "subscription_details[proration_date] subscription_details[cancel_now] subscription_details[cancel_at_period_end] subscription_details[trial_end] subscription_details[billing_mode] subscription_details[billing_cycle_anchor] automatic_tax[enabled]");

    private static JsonObject Preview(Call call) => call.Work.Rehearse(rehearsal => Make(call with { Work = rehearsal }));

    private static JsonObject Make(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        SubscriptionsApi.CheckMode(given);
        var details = given.Group("subscription_details") ?? new Params([]);
        SubscriptionsApi.CheckMode(details);
        var subscription = given.Text("subscription") is { } id ? work.Get(Subscriptions.Kind, id, "subscription") : null;
        if (given.Text("schedule") is { } planned)
        {
            if (subscription is not null) throw StripeError.Invalid("Only one of subscription and schedule can be given.", "schedule", "parameters_exclusive");
            subscription = work.Find(Subscriptions.Kind, work.Get(SubscriptionSchedules.Kind, planned, "schedule")["subscription"])
                ?? throw StripeError.Unimplemented("the preview of a schedule that has not begun", "schedule");
        }
        var customer = CustomersApi.Living(work, given.Text("customer") ?? subscription?.Customer ?? throw ParameterReader.Missing("customer"));
        if (subscription is not null && subscription.Customer != customer.Id) throw StripeError.Missing("subscription", subscription.Id, "subscription");
        if (subscription is null && !details.Has("items")) subscription = work.OfCustomer(customer.Id, Subscriptions.Kind).LastOrDefault(s => !Subscriptions.IsOver(s));
        foreach (var item in given.Groups("invoice_items"))
        {
            var line = InvoiceItemsApi.Read(call, item, Clocks.NowUnix(work, customer.Id));
            InvoiceItems.Make(work, customer, item.Text("currency") ?? line.Price?["currency"] ?? customer["currency"] ?? "usd", line with { Subscription = subscription?.Id });
        }
        var invoice = subscription is null ? New(call, details, customer) : Next(call, details, subscription);
        if (given.Has("discounts"))
        {
            invoice.Set("discounts", Discounts.Choose(work, DiscountsApi.Read(given), invoice));
            Invoices.Total(work, invoice);
        }
        return Previews.Show(work, invoice);
    }

    private static Doc New(Call call, Params details, Doc customer)
    {
        if (!details.Has("items")) throw StripeError.Invalid("There is no invoice to come for this customer.", "customer", "invoice_upcoming_none");
        var wanted = new NewSubscription(customer, SubscriptionsApi.Items(call, details)) { TrialEnd = details.Long("trial_end"), Anchor = details.Long("billing_cycle_anchor") };
        return Subscriptions.Draft(call.Work, wanted).Invoice ?? throw StripeError.Invalid("Nothing is due now: all of it is billed by use.", "subscription_details[items]", "invoice_upcoming_none");
    }

    private static Doc Next(Call call, Params details, Doc subscription)
    {
        var work = call.Work;
        if (Subscriptions.IsOver(subscription)) throw StripeError.Invalid("There is no invoice to come for a canceled subscription.", "subscription", "invoice_upcoming_none");
        if (details.Flag("cancel_now") == true)
        {
            var now = details.Long("proration_date") ?? Clocks.NowUnix(work, subscription.Customer);
            var lines = details.Text("proration_behavior") == "none" ? [] : Subscriptions.Items(work, subscription).Select(i => Prorations.Credit(work, subscription, i, now)).OfType<Line>();
            return Prorations.Invoice(work, subscription, lines.Concat(Usage.Lines(work, subscription, now, final: true)), "subscription_update");
        }
        if (details.Has("items") || details.Text("billing_cycle_anchor") == "now")
            return SubscriptionChanges.Preview(work, subscription, SubscriptionsApi.Change(details, SubscriptionsApi.Items(call, details)));
        if (subscription.Node("cancel_at") is not null || details.Flag("cancel_at_period_end") == true)
            throw StripeError.Invalid("The subscription ends with this period: there is no invoice to come.", "subscription", "invoice_upcoming_none");
        return Renewals.Preview(work, subscription);
    }
}
