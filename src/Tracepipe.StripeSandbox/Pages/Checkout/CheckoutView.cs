using Tracepipe.StripeSandbox.Core;
using Tracepipe.StripeSandbox.Pages.Payment;

namespace Tracepipe.StripeSandbox.Pages.Checkout;

public sealed record CheckoutLine(string Name, string? Quantity, string Amount, string? Rhythm);

/// <summary>A checkout session as its page shows it.</summary>
/// <param name="Later">What follows the payment of today: "Then $40.00 per month from Dec 5, 2026".</param>
public sealed record CheckoutView(string Id, string Mode, string Title, string Button, IReadOnlyList<CheckoutLine> Lines, string? Subtotal, string? Discount, string? Code, string DueToday, string? Later,
    bool TakesCodes, bool AsksEmail, string? Email, string? CancelUrl, PaymentChoice Choice)
{
    internal static CheckoutView Of(UnitOfWork work, Doc session)
    {
        var mode = session["mode"]!;
        var currency = session["currency"] ?? "usd";
        var lines = CheckoutSessions.Lines(work, session);
        var customer = work.Find("customer", session.Customer);
        var email = customer?["email"] ?? session["customer_email"];
        var total = session.Long("amount_total");
        var trial = TrialEnd(work, session);
        var discount = session.Long("total_details.amount_discount");
        var name = lines.Count > 0 ? lines[0]["description"] : null;
        return new(session.Id, mode,
            mode switch { "setup" => "Save a card", "subscription" => trial is null ? $"Subscribe to {name}" : $"Try {name}", _ => total == 0 ? "Complete the order" : $"Pay {Words.Money(total, currency)}" },
            mode switch { "setup" => "Save card", "subscription" => trial is null ? "Subscribe" : "Start trial", _ => total == 0 ? "Complete order" : $"Pay {Words.Money(total, currency)}" },
            [.. lines.Select(l => LineOf(work, l, currency))],
            discount > 0 ? Words.Money(session.Long("amount_subtotal"), currency) : null, discount > 0 ? Words.Money(-discount, currency) : null, CodeOf(work, session),
            Words.Money(total, currency), mode == "subscription" ? Afterwards(work, lines, trial, currency) : null,
            session.Flag("allow_promotion_codes"), email is null, email, session["cancel_url"],
            PaymentChoice.Of(work, session.Customer, offersLink: true, email ?? session.Hidden["email"], session.Hidden["refusal"]));
    }

    private static CheckoutLine LineOf(UnitOfWork work, Doc line, string currency)
    {
        var price = work.Get(Prices.Kind, line["price"]!);
        var quantity = line.LongOrNull("quantity");
        if (Pricing.IsMetered(price)) return new(line["description"] ?? "", null, "by use", Words.Every(Pricing.Interval(price)));
        var amount = Pricing.Amount(price, quantity ?? 1);
        return new(line["description"] ?? "", quantity > 1 ? $"{quantity} × {Words.Money(Pricing.Amount(price, 1), currency)}" : null, Words.Money(amount, currency), Pricing.IsRecurring(price) ? Words.Every(Pricing.Interval(price)) : null);
    }

    private static string? Afterwards(UnitOfWork work, IReadOnlyList<Doc> lines, DateTimeOffset? trial, string currency)
    {
        var recurring = lines.Select(l => (Line: l, Price: work.Get(Prices.Kind, l["price"]!))).Where(l => Pricing.IsRecurring(l.Price) && !Pricing.IsMetered(l.Price)).ToList();
        if (recurring.Count == 0) return null;
        var amount = Words.Money(recurring.Sum(l => Pricing.Amount(l.Price, l.Line.LongOrNull("quantity") ?? 1)), currency);
        var every = Words.Every(Pricing.Interval(recurring[0].Price));
        return trial is { } end ? $"Free until {Words.Date(end)}, then {amount} {every} until canceled." : $"Renews at {amount} {every} until canceled.";
    }

    private static DateTimeOffset? TrialEnd(UnitOfWork work, Doc session) => session.Hidden.LongOrNull("trial_end") is { } end ? DateTimeOffset.FromUnixTimeSeconds(end)
        : session.Hidden.LongOrNull("trial_days") is { } days ? Clocks.Now(work, session.Customer).AddDays(days) : null;

    private static string? CodeOf(UnitOfWork work, Doc session) =>
        session.Array("discounts").Select(d => work.Find(Discounts.Code, d!["promotion_code"]?.GetValue<string>())?["code"]).FirstOrDefault(c => c is not null);
}
