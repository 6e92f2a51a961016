using System.Globalization;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>A small believable shop: a plan or two, a customer with a card, a clock to move.</summary>
internal static class BillingWorld
{
    public static readonly DateTimeOffset Start = new(2026, 1, 31, 10, 30, 0, TimeSpan.Zero);

    /// <summary>How often a generated walk is taken: usually, and in a long run.</summary>
    public static int Times(int usual, int many) => Environment.GetEnvironmentVariable("TRACEPIPE_LONG") == "1" ? many : usual;

    public static long Unix(this DateTimeOffset time) => time.ToUnixTimeSeconds();

    public static long Number(this Answer answer, string path) => answer.At(path)!.GetValue<long>();

    public static async Task<string> PriceAsync(this SandboxClient api, long amount, string interval = "month", string name = "Pro", string more = "")
    {
        var product = (await api.PostAsync("/v1/products", $"name={name}")).Ok().Id;
        return (await api.PostAsync("/v1/prices", $"product={product}&currency=usd&unit_amount={amount}{(interval.Length == 0 ? "" : $"&recurring[interval]={interval}")}{more}")).Ok().Id;
    }

    /// <summary>A customer on a clock of its own, with a default card unless the card is empty.</summary>
    public static async Task<(string Clock, string Customer)> ClockedAsync(this SandboxClient api, string card = "pm_card_visa", DateTimeOffset? start = null)
    {
        var clock = (await api.PostAsync("/v1/test_helpers/test_clocks", $"frozen_time={(start ?? Start).Unix()}")).Ok().Id;
        var customer = (await api.PostAsync("/v1/customers", $"email=ada@example.com&test_clock={clock}")).Ok().Id;
        if (card.Length > 0) await api.UseCardAsync(customer, card);
        return (clock, customer);
    }

    public static async Task<string> UseCardAsync(this SandboxClient api, string customer, string card)
    {
        var method = (await api.PostAsync($"/v1/payment_methods/{card}/attach", $"customer={customer}")).Ok().Id;
        (await api.PostAsync($"/v1/customers/{customer}", $"invoice_settings[default_payment_method]={method}")).Ok();
        return method;
    }

    public static Task<Answer> SubscribeAsync(this SandboxClient api, string customer, string price, string more = "") =>
        api.PostAsync("/v1/subscriptions", $"customer={customer}&items[0][price]={price}&billing_mode[type]=flexible{more}");

    /// <summary>Moves a clock, in steps it allows, and waits until all that was due has happened.</summary>
    public static async Task AdvanceAsync(this SandboxClient api, string clock, DateTimeOffset to)
    {
        while (true)
        {
            var step = await api.PostAsync($"/v1/test_helpers/test_clocks/{clock}/advance", $"frozen_time={to.Unix()}");
            if (step.Status == 400 && step["error.message"]!.Contains("can be moved to", StringComparison.Ordinal))
            {
                var farthest = long.Parse(step["error.message"]!.Split("moved to ")[1].Split(' ')[0], CultureInfo.InvariantCulture);
                (await api.PostAsync($"/v1/test_helpers/test_clocks/{clock}/advance", $"frozen_time={farthest}")).Ok();
                await api.ReadyAsync(clock);
                continue;
            }
            step.Ok();
            await api.ReadyAsync(clock);
            return;
        }
    }

    public static async Task ReadyAsync(this SandboxClient api, string clock)
    {
        var start = TimeProvider.System.GetTimestamp();
        while ((await api.GetAsync($"/v1/test_helpers/test_clocks/{clock}")).Ok()["status"] is not "ready" and var status)
        {
            if (status == "internal_failure" || TimeProvider.System.GetElapsedTime(start) > TimeSpan.FromSeconds(20)) throw new TimeoutException($"The clock is {status}.");
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
    }

    public static async Task<Answer> InvoiceAsync(this SandboxClient api, string? id) => (await api.GetAsync($"/v1/invoices/{id}?expand[]=payments")).Ok();

    public static async Task<Answer> SubscriptionAsync(this SandboxClient api, string id) => (await api.GetAsync($"/v1/subscriptions/{id}?expand[]=latest_invoice")).Ok();

    /// <summary>Types of events since a number of them was there.</summary>
    public static async Task<IReadOnlyList<string>> EventsSinceAsync(this SandboxClient api, int before)
    {
        var all = new List<string>();
        for (string? cursor = null; ;)
        {
            var page = (await api.GetAsync($"/v1/events?limit=100{(cursor is null ? "" : $"&starting_after={cursor}")}")).Ok();
            all.AddRange(page.Data.Select(e => e["type"]!.ToString()));
            if (page["has_more"] == "false") break;
            cursor = page.Data[^1]["id"]!.ToString();
        }
        all.Reverse();
        return all[before..];
    }

    /// <summary>The equations that hold for every invoice at any time, and for the customer's money as a whole.</summary>
    public static async Task BooksBalanceAsync(this SandboxClient api, string customer)
    {
        var paid = 0L;
        foreach (var invoice in (await api.GetAsync($"/v1/invoices?customer={customer}&limit=100&expand[]=data.payments")).Ok().Data)
        {
            long N(string name) => invoice[name]?.GetValue<long>() ?? 0;
            var lines = invoice["lines"]!["data"]!.AsArray();
            var off = invoice["total_discount_amounts"]!.AsArray().Sum(d => d!["amount"]!.GetValue<long>());
            Assert.Equal(N("subtotal"), lines.Sum(l => l!["amount"]!.GetValue<long>()));
            Assert.Equal(N("total"), N("subtotal") - off);
            Assert.Equal(off, lines.Sum(l => l!["discount_amounts"]!.AsArray().Sum(d => d!["amount"]!.GetValue<long>())));
            Assert.Equal(N("amount_due"), N("amount_paid") + N("amount_remaining"));
            var owed = Math.Max(0, N("total") + N("starting_balance"));
            if (invoice["status"]!.ToString() != "draft") Assert.Equal(owed, N("amount_due") + Math.Max(0, N("ending_balance")) + N("pre_payment_credit_notes_amount"));
            if (invoice["status"]!.ToString() == "paid") Assert.Equal(0, N("amount_remaining"));
            paid += N("amount_paid") - N("amount_paid_off_stripe");
        }
        var charged = (await api.GetAsync($"/v1/charges?customer={customer}&limit=100")).Ok().Data.Where(c => c["status"]!.ToString() == "succeeded").Sum(c => c["amount"]!.GetValue<long>());
        Assert.Equal(charged, paid);
    }
}
