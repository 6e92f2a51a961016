using System.Globalization;
using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>Meters and what was reported to them: accepted at once, seen a little later, billed at a period's end.</summary>
internal static class Usage
{
    public const string Meter = "billing.meter";
    public const string Event = "_meter_event";
    public const string Error = "_meter_error";
    public static readonly TimeSpan Oldest = TimeSpan.FromDays(35);
    public static readonly TimeSpan Ahead = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan IdentifierLife = TimeSpan.FromHours(24);

    /// <summary>Takes a report. What only its processing would find wrong is accepted and listed among the meter errors.</summary>
    public static void Report(UnitOfWork work, string name, string identifier, long timestamp, JsonObject payload)
    {
        var meter = work.All(Meter).FirstOrDefault(m => m["event_name"] == name && m.Status == "active");
        var customer = payload[meter?["customer_mapping.event_payload_key"] ?? "stripe_customer_id"]?.GetValue<string>();
        var now = Clocks.Now(work, customer);
        if (timestamp < (now - Oldest).ToUnixTimeSeconds()) throw StripeError.Invalid("Usage is reported within 35 days.", "timestamp");
        if (timestamp > (now + Ahead).ToUnixTimeSeconds()) throw StripeError.Invalid("Usage lies at most five minutes ahead.", "timestamp");
        var id = Id(identifier);
        if (work.Find(id) is { } before && before.Hidden.Long("received") > work.Account.RealNow.ToUnixTimeSeconds() - (long)IdentifierLife.TotalSeconds)
            throw StripeError.Invalid($"An event with the identifier '{identifier}' was reported already.", "identifier", "resource_already_exists");
        var text = payload[meter?["value_settings.event_payload_key"] ?? "value"]?.GetValue<string>() ?? "1";
        if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)) throw StripeError.Invalid("Usage is a whole number.", "payload[value]");
        var error = meter is null ? "no_meter" : customer is null ? "meter_event_no_customer_defined" : work.Find("customer", customer) is null ? "meter_event_customer_not_found" : null;
        if (work.Find(id) is not null) id = work.NewId("mev_");
        var taken = work.New(error is null ? Event : Error, id, error is null ? meter!.Id : null);
        taken.Hidden["identifier"] = identifier;
        taken.Hidden["event_name"] = name;
        taken.Hidden["customer"] = customer;
        taken.Hidden.Set("timestamp", timestamp);
        taken.Hidden.Set("value", value);
        taken.Hidden.Set("received", work.Account.RealNow.ToUnixTimeSeconds());
        taken.Hidden.Set("visible", (work.Account.RealNow + work.Account.Options.Billing.UsageLag).ToUnixTimeMilliseconds());
        taken.Hidden["error"] = error;
    }

    public static void Cancel(UnitOfWork work, string name, string identifier)
    {
        var found = work.Find(Event, Id(identifier)) is { } reported && reported.Hidden["event_name"] == name ? reported
            : throw StripeError.Missing("meter event", identifier, "cancel[identifier]");
        if (found.Hidden.Long("received") < work.Account.RealNow.ToUnixTimeSeconds() - (long)IdentifierLife.TotalSeconds)
            throw StripeError.Invalid("Only what was reported within 24 hours can be taken back.", "cancel[identifier]");
        work.Delete(found);
    }

    /// <summary>What a customer used within [start, end), as far as it is visible already.</summary>
    public static decimal Total(UnitOfWork work, Doc meter, string customer, long start, long end)
    {
        var now = work.Account.RealNow.ToUnixTimeMilliseconds();
        var values = work.Children(meter.Id, Event)
            .Where(e => e.Hidden["customer"] == customer && e.Hidden.Long("timestamp") >= start && e.Hidden.Long("timestamp") < end && e.Hidden.Long("visible") <= now)
            .OrderBy(e => e.Hidden.Long("timestamp")).Select(e => e.Hidden.Long("value")).ToList();
        return meter["default_aggregation.formula"] switch
        {
            "count" => values.Count,
            "last" => values.Count == 0 ? 0 : values[^1],
            _ => values.Sum(),
        };
    }

    /// <summary>The lines of the metered items whose period has ended, or of all at the very end; negative totals bill as nothing.</summary>
    public static IReadOnlyList<Line> Lines(UnitOfWork work, Doc subscription, long now, bool final = false)
    {
        var lines = new List<Line>();
        foreach (var item in Subscriptions.Items(work, subscription))
        {
            var price = Subscriptions.PriceOf(work, item);
            if (!Pricing.IsMetered(price) || subscription.Status == "trialing") continue;
            if (!final && item.Long("current_period_end") > now) continue;
            var (start, end) = (item.Long("current_period_start"), Math.Min(now, item.Long("current_period_end")));
            var used = Of(work, price, subscription.Customer!, start, end);
            lines.Add(new Line(Pricing.Amount(price, used), $"{Pricing.Text(used)} × {Prices.Name(work, price)}", start, end) { Price = price, Quantity = used, Item = item.Id, Subscription = subscription.Id });
        }
        return lines;
    }

    /// <summary>Usage of the old period that came in while the invoice was a draft still counts.</summary>
    public static void Refresh(UnitOfWork work, Doc invoice)
    {
        foreach (var line in Invoices.Lines(work, invoice))
        {
            if (work.Find(Prices.Kind, line["pricing.price_details.price"]) is not { } price || !Pricing.IsRecurring(price) || !Pricing.IsMetered(price)) continue;
            var used = Of(work, price, invoice.Customer!, line.Long("period.start"), line.Long("period.end"));
            line.Set("amount", Pricing.Amount(price, used));
            line.Set("subtotal", Pricing.Amount(price, used));
            line.Set("quantity", (long)used);
            line["quantity_decimal"] = Pricing.Text(used);
            line["description"] = $"{Pricing.Text(used)} × {Prices.Name(work, price)}";
        }
    }

    private static string Id(string identifier) => "mev_" + Ids.Digest(identifier, 24);

    private static decimal Of(UnitOfWork work, Doc price, string customer, long start, long end) =>
        work.Find(Meter, price["recurring.meter"]) is { } meter ? Math.Max(0, Total(work, meter, customer, start, end)) : 0;
}
