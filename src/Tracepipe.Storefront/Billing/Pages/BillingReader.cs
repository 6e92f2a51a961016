using Npgsql;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Billing.Pages;

/// <summary>What the billing pages show. Public, because components take it as a parameter; what it holds stays inside.</summary>
public sealed record BillingView
{
    internal SubscriptionOverview Plans { get; init; } = default!;

    /// <summary>On file, the default first.</summary>
    internal IReadOnlyList<CardOnFile> Cards { get; init; } = [];

    /// <summary>The newest.</summary>
    internal IReadOnlyList<InvoiceRow> Invoices { get; init; } = [];

    /// <summary>From the book: what may be spent, and what is set aside.</summary>
    internal CreditBalance Credits { get; init; } = default!;

    /// <summary>What calls of models have cost in <see cref="CostSpan"/>.</summary>
    internal IReadOnlyList<DayCost> Costs { get; init; } = [];

    internal CostSpan CostSpan { get; init; } = default!;

    /// <summary>Where the calendar month stands against the cap.</summary>
    internal Spend Spend { get; init; } = default!;

    /// <summary>Stored now.</summary>
    internal long StorageBytes { get; init; }

    /// <summary>In this quota period.</summary>
    internal decimal TokensUsed { get; init; }

    /// <summary>What is sold today.</summary>
    internal PriceList Prices { get; init; } = default!;

    /// <summary>Seats of the lifetime tier; null: any number, or not asked.</summary>
    internal SeatsLeft? Seats { get; init; }

    /// <summary>The change of plan that stands to be confirmed.</summary>
    internal ChangePreview? Preview { get; init; }

    /// <summary>The code that stands to be used at the first checkout.</summary>
    internal string? PromoCode { get; init; }

    internal CardOnFile? DefaultCard => Cards.FirstOrDefault(c => c.IsDefault);

    /// <summary>The subscription that Stripe renews, whichever plan gives the limits.</summary>
    internal PlanView? Running => Plans.Plan.IsSubscription ? Plans.Plan : Plans.Subscription is { IsSubscription: true } beside ? beside : null;

    /// <summary>The open invoice of the plan, when one waits for its payment.</summary>
    internal InvoiceRow? Unpaid => Invoices.FirstOrDefault(i => i.Id == Plans.UnpaidInvoice);

    /// <summary>What one unit of a meter costs beyond the plan, in words: <c>$10.00 each</c>.</summary>
    internal string? RateOf(string meter)
    {
        if (Prices.RateOf(meter) is not { } rate || Prices.Meters.FirstOrDefault(m => string.Equals(m.Key, meter, StringComparison.Ordinal)) is not { } counted) return null;
        var amount = rate.Price.ToString(rate.Price < 0.01m ? "0.00######" : "#,##0.00######", System.Globalization.CultureInfo.InvariantCulture);
        var price = string.Equals(Prices.Currency, "USD", StringComparison.Ordinal) ? $"${amount}" : $"{amount} {Prices.Currency}";
        return counted.Kind is MeterKind.Unit && rate.Per == 1 ? $"{price} each" : rate.Per == 1 ? $"{price} per {counted.Unit}" : $"{price} per {Words.Count(rate.Per)}";
    }
}

/// <summary>An invoice as a row of a list.</summary>
internal sealed record InvoiceRow(Guid Id, string? Number, string Status, string? Description, Money Total, Money Due, DateTimeOffset CreatedAt, DateTimeOffset? NextAttemptAt)
{
    public bool IsOpen => Status is "open" && Due > Money.Zero with { Currency = Due.Currency };

    internal static InvoiceRow Read(NpgsqlDataReader r)
    {
        var currency = r.GetString(4);
        return new(r.GetGuid(0), r.IsDBNull(1) ? null : r.GetString(1), r.GetString(2), r.IsDBNull(3) ? null : r.GetString(3), new Money(r.GetInt64(5), currency), new Money(r.GetInt64(6), currency),
            r.GetFieldValue<DateTimeOffset>(7), r.IsDBNull(8) ? null : r.GetFieldValue<DateTimeOffset>(8));
    }
}

/// <summary>Reads the billing pages in two round trips, none of them to Stripe.</summary>
internal sealed class BillingReader(Database database, Subscriptions subscriptions, Catalogs catalogs, TimeProvider clock)
{
    public async Task<BillingView> ReadAsync(Guid organization, Guid? person, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<IReadOnlyList<CardOnFile>>? cards = null;
        Answer<IReadOnlyList<InvoiceRow>>? invoices = null;
        Answer<long>? bytes = null;
        Answer<CreditBalance?>? credits = null;
        Answer<Spend?>? spend = null;
        Answer<IReadOnlyList<DayCost>>? costs = null;
        var recent = CostSpan.LastDays(30, now);
        Answer<IReadOnlyList<QuotaUse>>? quotas = null;
        await database.ReadAsync(organization, person, q =>
        {
            cards = q.List(CardOnFile.SelectAll(organization), CardOnFile.Read);
            invoices = q.List($"""
                select i.id, i.number, i.status, coalesce(i.description, (select l.description from invoice_lines l where l.organization_id = i.organization_id and l.invoice_id = i.id order by l.amount_cents desc, l.ordinal limit 1)),
                  i.currency, i.total_cents, i.amount_due_cents - i.amount_paid_cents, i.created_at, i.next_attempt_at
                from invoices i where i.organization_id = {organization} and i.status <> 'draft' order by i.created_at desc, i.id desc limit 6
                """, InvoiceRow.Read);
            credits = Book.AskBalance(q, organization, now);
            spend = Spending.Ask(q, organization, now);
            costs = Costs.AskDays(q, organization, new CostFilter(recent.Period.Start, recent.Period.End));
            bytes = StorageLevels.AskBytes(q, organization);
            quotas = Quotas.AskRecent(q, organization, now);
        }, cancel);
        var plans = await subscriptions.GetAsync(organization, person, cancel);
        var tokens = quotas!.Value.FirstOrDefault(u => u.Meter is "tokens" && string.Equals(u.Pocket, plans.Allowance.Pocket, StringComparison.Ordinal) && u.PeriodStart == plans.Allowance.Period.Start);
        return new BillingView
        {
            Plans = plans,
            Cards = cards!.Value,
            Invoices = invoices!.Value,
            Credits = credits!.Value!,
            Spend = spend!.Value!,
            Costs = costs!.Value,
            CostSpan = recent,
            StorageBytes = bytes!.Value,
            TokensUsed = tokens?.Used ?? 0,
            Prices = catalogs.Current.Prices,
        };
    }
}
