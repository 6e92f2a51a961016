using System.Globalization;
using Tracepipe.Storefront.Organizations;

namespace Tracepipe.Storefront.Demo;

/// <summary>
/// What happens in the demo, and when: a small company that tries the product, pays as it goes, buys credits, subscribes, has a card declined, and uses more from week to week. The same
/// days come out the same every time; only the dates follow the day on which it is made.
/// </summary>
internal sealed class DemoStory
{
    private const int Seed = 20_260;

    /// <summary>The longest that a scene lasts.</summary>
    private static readonly TimeSpan Breath = TimeSpan.FromMinutes(5);

    private const string Laptop = "Robin's laptop", Production = "Production ingest", Ci = "CI runner", Export = "Nightly usage export";

    /// <summary>Tokens on the first and on the last day, on an ordinary weekday.</summary>
    private const double FirstTokens = 60_000, LastTokens = 760_000;

    private static readonly (string Provider, string Model, double Share)[] Models =
        [("anthropic", "claude-sonnet-4", 0.46), ("openai", "gpt-4o", 0.27), ("anthropic", "claude-haiku-4", 0.16), ("openai", "gpt-4o-mini", 0.11)];

    private static readonly (string Suite, string Name, string Description)[] Sessions =
    [
        ("checkout", "checkout-guest-card", "Guest buys two items with a card"),
        ("checkout", "checkout-coupon-expired", "Coupon is refused, buyer goes on without it"),
        ("checkout", "checkout-address-autofill", "Address filled by the browser, then corrected"),
        ("checkout", "checkout-3ds-challenge", "The bank asks for a code"),
        ("checkout", "cart-quantity-changes", "Quantities changed back and forth before paying"),
        ("search", "search-filters-price-and-size", "Three facets, one of them excluded"),
        ("search", "search-typo-recovery", "Misspelt query, suggestion taken"),
        ("search", "search-no-results", "Nothing found, query rephrased twice"),
        ("search", "search-open-third-result", ""),
        ("browsing", "browse-product-gallery", "Zoom and gallery on a product page"),
        ("browsing", "browse-support-articles", "Looks for the return policy"),
        ("browsing", "browse-newsletter-form", ""),
    ];

    private readonly DemoCustomer customer;
    private readonly DemoTurns turns;
    private readonly DemoClock clock;
    private readonly DateTimeOffset begin, end;
    private readonly int days;
    private readonly Random dice = new(Seed);
    private readonly List<(DateTimeOffset At, int Order, Func<CancellationToken, Task> Do)> scenes = [];
    private int recorded;
    private DateTimeOffset reportedUntil;

    /// <param name="days">How many days before <paramref name="until"/> it begins.</param>
    public DemoStory(DemoCustomer who, DemoTurns turns, DemoClock clock, DateTimeOffset until, int days)
    {
        (customer, this.turns, this.clock, this.days) = (who, turns, clock, days);
        (begin, end) = (clock.GetUtcNow(), until);
        reportedUntil = begin;
        Turns();
        Money();
        Keys();
        Work();
    }

    public async Task PlayAsync(CancellationToken cancel)
    {
        await using var reports = await customer.BeginReportsAsync(cancel);
        foreach (var (at, _, act) in scenes.Where(s => s.At <= end - Breath).OrderBy(s => s.At).ThenBy(s => s.Order))
        {
            await turns.PassToAsync(at, cancel);
            await act(cancel);
        }
        await turns.PassToAsync(end, cancel);
        await ReportAsync(cancel);
        await turns.TakeAsync(cancel);
        await turns.CompareAsync(cancel);
    }

    private DateTimeOffset Day(int day, double hour) => new DateTimeOffset(begin.UtcDateTime.Date, TimeSpan.Zero).AddDays(day).AddHours(hour);

    /// <summary>A day by its place in the story: 0 is the first, 1 the last.</summary>
    private int At(double share) => (int)(days * share);

    private bool IsPro(int day) => day >= At(0.5);

    private void On(DateTimeOffset at, Func<CancellationToken, Task> act) => scenes.Add((at, scenes.Count, act));

    private void Turns()
    {
        for (var day = 0; day <= days; day++)
        {
            On(Day(day, 1.1), turns.TakeAsync);
            On(Day(day, 20.6), turns.TakeAsync);
        }
    }

    private void Money()
    {
        On(Day(At(0.02), 11.2), c => customer.AddCardAsync("pm_card_visa", asDefault: true, c));
        On(Day(At(0.02), 11.4), c => customer.SetCapAsync(60, c));
        On(Day(At(0.2), 15.5), c => customer.ThankAsync(10, "Thank you for the bug report about resumed uploads", days, c));
        On(Day(At(0.3), 9.7), c => customer.BuyCreditsAsync(25, c));
        On(Day(At(0.3), 9.8), c => customer.WarnBelowAsync(15, c));
        On(Day(At(0.5), 10.1), c => customer.SubscribeAsync("pro", c));
        On(Day(At(0.53), 9.2), c => customer.CreditAsync(Production, "The run ended in an error on our side", c));
        On(Day(At(0.86), 16.3), c => customer.BuyCreditsAsync(100, c));
        On(Day(At(0.93), 9.4), c => customer.SetCapAsync(50, c));

        // The newest month's close that leaves time to mend it meets a card without cover.
        if (Closes().LastOrDefault(c => c <= end.AddDays(-5) && c >= begin.AddDays(8)) is { Year: > 1 } close)
        {
            string? declined = null;
            On(close.AddDays(-2).AddHours(14), async c => declined = await customer.AddCardAsync("pm_card_chargeCustomerFail", asDefault: true, c));
            On(close.AddDays(1).AddHours(10), async c =>
            {
                await customer.AddCardAsync("pm_card_amex", asDefault: true, c);
                await turns.TakeAsync(c);
            });
            On(close.AddDays(1).AddHours(10.2), c => customer.RemoveCardAsync(declined!, c));
        }
    }

    private IEnumerable<DateTimeOffset> Closes()
    {
        for (var month = new DateTimeOffset(begin.Year, begin.Month, 1, 0, 0, 0, TimeSpan.Zero).AddMonths(1); month < end; month = month.AddMonths(1)) yield return month;
    }

    private void Keys()
    {
        On(begin.AddMinutes(5), c => customer.CreateKeyAsync(Laptop, permissions: null, suites: null, expires: null, c));
        On(begin.AddMinutes(9), c => customer.CreateKeyAsync(Production, permissions: null, suites: null, expires: null, c));
        On(begin.AddMinutes(14), c => customer.CreateKeyAsync(Ci, permissions: null, ["checkout", "search"], end.AddDays(5), c));
        On(Day(At(0.4), 9.1), c => customer.CreateKeyAsync(Export, [Permissions.UsageRead, Permissions.BillingRead], suites: null, expires: null, c));
        On(Day(At(0.95), 17.4), c => customer.RevokeKeyAsync(Laptop, c));
    }

    private void Work()
    {
        for (var day = 0; day <= days; day++)
        {
            var weekday = IsWeekday(day);
            var runs = IsPro(day) ? dice.Next(weekday ? 2 : 0, weekday ? 6 : 2) : dice.NextDouble() < (weekday ? 0.42 : 0.1) ? 1 : 0;
            for (var i = 0; i < runs; i++)
            {
                var (key, suite, succeeds) = (dice.Next(4) == 0 ? Ci : Production, dice.Next(3) == 0 ? "search" : "checkout", dice.Next(14) > 0);
                On(Day(day, 8.5 + (dice.NextDouble() * 10)), c => customer.WorkAsync(key, suite, succeeds, c));
            }
            var uploads = day == 0 ? 1 : weekday ? dice.Next(0, 3) * dice.Next(0, 2) : dice.Next(8) == 0 ? 1 : 0;
            if (day == days - 1) uploads = Math.Max(1, uploads);
            for (var i = 0; i < uploads; i++)
            {
                var (session, seconds) = (Sessions[dice.Next(Sessions.Length)], dice.Next(25, 210));
                On(Day(day, 8.6 + (dice.NextDouble() * 9)), c => UploadAsync(session, seconds, c));
            }
            foreach (var hour in (double[])[12.4, 20.2]) On(Day(day, hour), ReportAsync);
        }
        foreach (var close in Closes()) On(close.AddMinutes(20), ReportAsync); // in time for its month
    }

    private bool IsWeekday(int day) => Day(day, 12).DayOfWeek is not (DayOfWeek.Saturday or DayOfWeek.Sunday);

    private Task UploadAsync((string Suite, string Name, string Description) session, int seconds, CancellationToken cancel)
    {
        var packed = ++recorded % 5 == 0;
        var name = string.Create(CultureInfo.InvariantCulture, $"{session.Name}-{clock.GetUtcNow():MMdd}-{recorded:00}.json{(packed ? ".gz" : "")}");
        return customer.UploadAsync(session.Suite, name, session.Description, DemoTrace.Make(new Random(Seed + recorded), seconds, packed), cancel);
    }

    /// <summary>Everything since the last report: tokens, what they cost at the providers, and the calls that brought them.</summary>
    private async Task ReportAsync(CancellationToken cancel)
    {
        var (from, to) = (reportedUntil, clock.GetUtcNow());
        if (to - from < Breath) return;
        reportedUntil = to;
        var day = (int)(to - begin).TotalDays;
        var level = FirstTokens + ((LastTokens - FirstTokens) * day / days);
        var total = level * (IsWeekday(day) ? 1 : 0.3) * (0.75 + (dice.NextDouble() * 0.5)) * Math.Min(1, (to - from).TotalHours / 24);
        var uses = new List<(DateTimeOffset, string, long, string, string)>();
        var calls = new List<(DateTimeOffset, string, string, long, long, string)>();
        foreach (var (provider, model, share) in Models)
        {
            var parts = dice.Next(2, 5);
            for (var i = 0; i < parts; i++)
            {
                var at = from + ((to - from) * ((i + dice.NextDouble()) / parts));
                var tokens = (long)(total * share / parts * (0.6 + (dice.NextDouble() * 0.8)));
                if (tokens == 0) continue;
                var (key, suite) = (dice.Next(5) == 0 ? Ci : Production, dice.Next(3) == 0 ? "search" : "checkout");
                uses.Add((at, model, tokens, key, suite));
                var completion = (long)(tokens * (0.12 + (dice.NextDouble() * 0.16)));
                calls.Add((at, provider, model, tokens - completion, completion, $"label-{suite}"));
            }
        }
        if (uses.Count == 0) return;
        await customer.ReportAsync(uses, cancel);
        await customer.TellCostsAsync(calls, cancel);
        await customer.CallAsync(Production, (int)(total / 1_500) + 1, cancel);
        await customer.CallAsync(Ci, (int)(total / 9_000) + 1, cancel);
        if (day <= At(0.3)) await customer.CallAsync(Laptop, dice.Next(2, 30), cancel);
        if (day > At(0.4)) await customer.CallAsync(Export, 1, cancel);
    }
}
