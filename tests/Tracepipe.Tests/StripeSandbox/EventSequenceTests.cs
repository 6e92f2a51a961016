using Tracepipe.Storefront.Platform;
using Tracepipe.StripeSandbox;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>
/// Would catch: a flow that begins to tell something else, or in another order, without anybody having looked at it. The sequences are files
/// beside this test; with <c>TRACEPIPE_REVIEW=1</c> they are written anew, and the difference is reviewed like code.
/// </summary>
public sealed class EventSequenceTests : IAsyncLifetime
{
    private static readonly Dictionary<string, Func<World, Task>> Flows = new(StringComparer.Ordinal)
    {
        ["card-saved"] = w => w.SaveCardAsync("pm_card_visa"),
        ["card-refused"] = w => w.SaveCardAsync("pm_card_visa_chargeDeclined"),
        ["checkout-subscription"] = w => w.CheckoutAsync("subscription", "4242424242424242"),
        ["checkout-declined"] = w => w.CheckoutAsync("subscription", "4000000000009995"),
        ["checkout-payment-with-invoice"] = w => w.CheckoutAsync("payment", "4242424242424242"),
        ["checkout-setup"] = w => w.CheckoutAsync("setup", "4242424242424242"),
        ["checkout-expired"] = w => w.ExpireAsync(),
        ["subscription-created"] = async w => await w.SubscribeAsync(),
        ["subscription-declined"] = w => w.FirstDeclinedAsync(),
        ["subscription-renewed"] = w => w.RenewAsync("pm_card_visa", 1),
        ["renewal-fails-until-unpaid"] = w => w.RenewAsync("pm_card_chargeCustomerFail", 9),
        ["renewal-recovered-by-hand"] = w => w.RecoverAsync(),
        ["upgrade"] = w => w.UpgradeAsync("pm_card_visa"),
        ["upgrade-waits-and-is-paid"] = w => w.UpgradeAsync("pm_card_chargeCustomerFail", pays: true),
        ["upgrade-waits-and-expires"] = w => w.UpgradeAsync("pm_card_chargeCustomerFail", pays: false),
        ["downgrade-at-period-end"] = w => w.DowngradeAsync(release: false),
        ["downgrade-taken-back"] = w => w.DowngradeAsync(release: true),
        ["canceled-at-period-end"] = w => w.CancelAtEndAsync(),
        ["canceled-now"] = w => w.CancelNowAsync(),
        ["trial"] = w => w.TrialAsync(),
        ["own-invoice-paid"] = async w => await w.InvoiceAsync(),
        ["own-invoice-voided"] = w => w.VoidAsync(),
        ["own-invoice-credited"] = w => w.CreditAsync(),
        ["refund"] = w => w.RefundAsync("pm_card_visa"),
        ["refund-that-fails-later"] = w => w.RefundAsync("pm_card_refundFail"),
        ["dispute"] = w => w.DisputeAsync(),
    };

    private SandboxServer _server = null!;

    public static TheoryData<string> Names => [.. Flows.Keys];

    public async ValueTask InitializeAsync() => _server = await SandboxServer.StartAsync(SandboxFixture.Options(), TimeProvider.System);

    public async ValueTask DisposeAsync()
    {
        Assert.Empty(_server.ContractViolations);
        await _server.DisposeAsync();
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_flow_tells_what_its_file_says(string name)
    {
        var api = new SandboxClient(_server.Url);
        var world = await World.CreateAsync(api);
        await Flows[name](world);
        var told = (await api.EventsSinceAsync(world.Before)).Where(t => !t.StartsWith("test_helpers.", StringComparison.Ordinal)).ToList();
        var file = Path.Combine(Folder(), name + ".txt");
        if (Environment.GetEnvironmentVariable("TRACEPIPE_REVIEW") == "1") await File.WriteAllLinesAsync(file, told, TestContext.Current.CancellationToken);
        Assert.Equal(await File.ReadAllLinesAsync(file, TestContext.Current.CancellationToken), told);
    }

    [Fact]
    public void Every_file_belongs_to_a_flow() =>
        Assert.Equal(Flows.Keys.Order(StringComparer.Ordinal), Directory.EnumerateFiles(Folder(), "*.txt").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal));

    private static string Folder() => Path.Combine(Paths.Root, "tests", "Tracepipe.Tests", "StripeSandbox", "Sequences");

    /// <summary>A customer with a card, two plans, and what has been told up to then.</summary>
    private sealed class World(SandboxClient api, string clock, string customer, string pro, string basic)
    {
        private static readonly HttpClient Browser = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });

        public int Before { get; private set; }

        public static async Task<World> CreateAsync(SandboxClient api)
        {
            var (clock, customer) = await api.ClockedAsync();
            var world = new World(api, clock, customer, await api.PriceAsync(7900), await api.PriceAsync(2900));
            await world.BeginAsync();
            return world;
        }

        public async Task SaveCardAsync(string card) =>
            await api.PostAsync("/v1/setup_intents", $"customer={customer}&payment_method={card}&confirm=true&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never");

        public async Task CheckoutAsync(string mode, string number)
        {
            var session = await SessionAsync(mode);
            await BeginAsync();
            using var form = new FormUrlEncodedContent([new("method", "card"), new("number", number), new("expiry", "12 / 40"), new("cvc", "123")]);
            using var answer = await Browser.PostAsync(new Uri(session["url"]!), form);
        }

        public async Task ExpireAsync()
        {
            await SessionAsync("payment");
            await BeginAsync();
            await api.AdvanceAsync(clock, BillingWorld.Start.AddHours(25));
        }

        public async Task<Answer> SubscribeAsync(string more = "") => (await api.SubscribeAsync(customer, pro, more)).Ok();

        public async Task FirstDeclinedAsync()
        {
            await api.UseCardAsync(customer, "pm_card_chargeCustomerFail");
            await BeginAsync();
            await api.SubscribeAsync(customer, pro);
            await api.AdvanceAsync(clock, BillingWorld.Start.AddHours(24));
        }

        public async Task RenewAsync(string card, int days)
        {
            await SubscribeAsync();
            await api.UseCardAsync(customer, card);
            await BeginAsync();
            await api.AdvanceAsync(clock, BillingWorld.Start.AddMonths(1).AddDays(days).AddHours(2));
        }

        public async Task RecoverAsync()
        {
            await RenewAsync("pm_card_chargeCustomerFail", 0);
            var card = await api.UseCardAsync(customer, "pm_card_visa");
            await BeginAsync();
            var open = (await api.GetAsync($"/v1/invoices?customer={customer}&status=open")).Ok();
            (await api.PostAsync($"/v1/invoices/{open["data.0.id"]}/pay", $"payment_method={card}")).Ok();
        }

        public async Task UpgradeAsync(string card, bool? pays = null)
        {
            var made = (await api.SubscribeAsync(customer, basic)).Ok();
            await api.AdvanceAsync(clock, BillingWorld.Start.AddDays(7));
            await api.UseCardAsync(customer, card);
            await BeginAsync();
            var changed = (await api.PostAsync($"/v1/subscriptions/{made.Id}", $"items[0][id]={made["items.data.0.id"]}&items[0][price]={pro}&proration_behavior=always_invoice&payment_behavior=pending_if_incomplete")).Ok();
            if (pays == true) (await api.PostAsync($"/v1/invoices/{changed["latest_invoice"]}/pay", "payment_method=pm_card_visa")).Ok();
            if (pays == false) await api.AdvanceAsync(clock, BillingWorld.Start.AddDays(8).AddHours(1));
        }

        public async Task DowngradeAsync(bool release)
        {
            var made = await SubscribeAsync();
            await BeginAsync();
            var schedule = (await api.PostAsync("/v1/subscription_schedules", $"from_subscription={made.Id}")).Ok();
            (await api.PostAsync($"/v1/subscription_schedules/{schedule.Id}", $"phases[0][items][0][price]={pro}&phases[0][start_date]={schedule["phases.0.start_date"]}&phases[0][end_date]={schedule["phases.0.end_date"]}&phases[1][items][0][price]={basic}")).Ok();
            if (release) (await api.PostAsync($"/v1/subscription_schedules/{schedule.Id}/release")).Ok();
            await api.AdvanceAsync(clock, BillingWorld.Start.AddMonths(1).AddHours(2));
        }

        public async Task CancelAtEndAsync()
        {
            var made = await SubscribeAsync();
            await BeginAsync();
            (await api.PostAsync($"/v1/subscriptions/{made.Id}", "cancel_at_period_end=true")).Ok();
            await api.AdvanceAsync(clock, BillingWorld.Start.AddMonths(1).AddHours(2));
        }

        public async Task CancelNowAsync()
        {
            var made = await SubscribeAsync();
            await BeginAsync();
            (await api.DeleteAsync($"/v1/subscriptions/{made.Id}")).Ok();
        }

        public async Task TrialAsync()
        {
            await SubscribeAsync("&trial_period_days=14");
            await api.AdvanceAsync(clock, BillingWorld.Start.AddDays(14).AddHours(2));
        }

        public async Task<string> InvoiceAsync(bool pay = true)
        {
            var draft = (await api.PostAsync("/v1/invoices", $"customer={customer}&currency=usd&number=INV-2026-000123&auto_advance=false")).Ok().Id;
            (await api.PostAsync("/v1/invoiceitems", $"customer={customer}&invoice={draft}&amount=4500&currency=usd")).Ok();
            (await api.PostAsync($"/v1/invoices/{draft}/finalize")).Ok();
            if (pay) (await api.PostAsync($"/v1/invoices/{draft}/pay")).Ok();
            return draft;
        }

        public async Task VoidAsync() => (await api.PostAsync($"/v1/invoices/{await InvoiceAsync(pay: false)}/void")).Ok();

        public async Task CreditAsync()
        {
            var paid = await InvoiceAsync();
            await BeginAsync();
            (await api.PostAsync("/v1/credit_notes", $"invoice={paid}&amount=2000&refund_amount=1500&credit_amount=500")).Ok();
        }

        public async Task RefundAsync(string card)
        {
            var paid = await PayAsync(card);
            await BeginAsync();
            (await api.PostAsync("/v1/refunds", $"payment_intent={paid}&amount=1000")).Ok();
            await api.AdvanceAsync(clock, BillingWorld.Start.AddMinutes(5));
        }

        public Task DisputeAsync() => PayAsync("pm_card_createDispute");

        private async Task<string> PayAsync(string card)
        {
            var method = await api.UseCardAsync(customer, card);
            await BeginAsync();
            return (await api.PostAsync("/v1/payment_intents", $"amount=5000&currency=usd&customer={customer}&payment_method={method}&confirm=true&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never")).Ok().Id;
        }

        private async Task<Answer> SessionAsync(string mode)
        {
            var line = mode == "setup" ? "&currency=usd" : $"&line_items[0][quantity]=1&line_items[0]{(mode == "payment" ? "[price_data][currency]=usd&line_items[0][price_data][unit_amount]=1999&line_items[0][price_data][product_data][name]=Credits&invoice_creation[enabled]=true" : $"[price]={pro}")}";
            return (await api.PostAsync("/v1/checkout/sessions", $"mode={mode}&customer={customer}{line}&success_url=https://app.example/ok&cancel_url=https://app.example/no")).Ok();
        }

        /// <summary>What came before is not part of the sequence.</summary>
        private async Task BeginAsync() => Before = (await api.EventsSinceAsync(0)).Count;
    }
}
