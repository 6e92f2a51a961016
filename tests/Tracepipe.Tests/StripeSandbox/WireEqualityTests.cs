using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tracepipe.Stripe;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>
/// Would catch: a request of our client that says something else than the official one would for the same call. Both make the calls of
/// <c>tests/stripe-node/wire/flows.ts</c> through a proxy that writes down method, path, parameters, version and whether there is an idempotency key.
/// </summary>
[Collection(nameof(OfficialClient))]
public sealed partial class WireEqualityTests(NodeClientTests.Project project)
{
    private static readonly DateTimeOffset At = DateTimeOffset.FromUnixTimeSeconds(1_769_855_400);
    private static readonly Dictionary<string, string> Org = new() { ["org_id"] = "org_1" };

    [Fact]
    public async Task Both_clients_send_the_same()
    {
        await using var recorder = await Recorder.StartAsync(project.Sandbox.Url);
        using var http = new HttpClient(StripeClient.CreateHandler()) { Timeout = Timeout.InfiniteTimeSpan };
        await FlowsAsync(new StripeClient(http, new StripeOptions { ApiKey = "sk_test_" + Guid.CreateVersion7().ToString("N"), ApiBase = recorder.Url }, TimeProvider.System));
        var ours = recorder.Take();
        var (exit, output) = await project.ProgramAsync("wire/flows.js", [], new() { ["STRIPE_CONTRACT_BASE"] = recorder.Url.AbsoluteUri, ["STRIPE_CONTRACT_KEY"] = "sk_test_" + Guid.CreateVersion7().ToString("N") });
        Assert.True(exit == 0, output);
        var theirs = recorder.Take();
        Assert.True(ours.Count > 40);
        foreach (var (own, official) in ours.Zip(theirs)) Assert.Equal(official, own);
        Assert.Equal(theirs.Count, ours.Count);
    }

    private static async Task FlowsAsync(StripeClient stripe)
    {
        var clock = await stripe.TestClocks.CreateAsync(new() { FrozenTime = At, Name = "wire" }, Key());
        var customer = (await stripe.Customers.CreateAsync(new() { Email = "ada@example.com", Name = "Ada & Co. / Zoë", Metadata = Org, TestClock = clock.Id }, Key())).Id;
        var intent = await stripe.SetupIntents.CreateAsync(new() { Customer = customer, Usage = "off_session", AutomaticPaymentMethods = new() { Enabled = true, AllowRedirects = "never" }, Metadata = Org }, Key());
        await stripe.SetupIntents.ConfirmAsync(intent.Id, new() { PaymentMethod = "pm_card_visa" }, Key());
        var card = (await stripe.Customers.ListPaymentMethodsAsync(customer, new() { Limit = 10 })).Data[0].Id;
        await stripe.Customers.UpdateAsync(customer, new() { Name = "", Metadata = new Dictionary<string, string> { ["org_id"] = "" }, InvoiceSettings = new() { DefaultPaymentMethod = card } }, Key());
        await stripe.Customers.GetAsync(customer, ["invoice_settings.default_payment_method"]);

        var product = (await stripe.Products.CreateAsync(new() { Name = "Pro", Metadata = new Dictionary<string, string> { ["tier"] = "pro" } }, Key())).Id;
        var pro = (await stripe.Prices.CreateAsync(new() { Product = product, Currency = "usd", UnitAmount = 7900, Recurring = new() { Interval = "month" }, LookupKey = "pro_monthly", TransferLookupKey = true }, Key())).Id;
        var team = (await stripe.Prices.CreateAsync(new() { Product = product, Currency = "usd", UnitAmount = 19900, Recurring = new() { Interval = "month" } }, Key())).Id;
        await stripe.Prices.ListAsync(new() { LookupKeys = ["pro_monthly", "team_monthly"], Active = true });
        var coupon = (await stripe.Coupons.CreateAsync(new() { PercentOff = 20, Duration = "once" }, Key())).Id;
        await stripe.PromotionCodes.CreateAsync(new() { Promotion = new() { Type = "coupon", Coupon = coupon }, Code = "WIRE", MaxRedemptions = 1 }, Key());

        await CheckoutAsync(stripe, customer, pro);
        await PlanAsync(stripe, customer, pro, team);
        await InvoiceAsync(stripe, customer);

        var meter = (await stripe.Meters.CreateAsync(new()
        {
            DisplayName = "Workflows", EventName = "workflows", DefaultAggregation = new() { Formula = "sum" }, CustomerMapping = new() { Type = "by_id", EventPayloadKey = "stripe_customer_id" }, ValueSettings = new() { EventPayloadKey = "value" },
        }, Key())).Id;
        await stripe.MeterEvents.CreateAsync(new() { EventName = "workflows", Identifier = "org_1:workflow:1:0", Timestamp = At, Payload = new Dictionary<string, string> { ["stripe_customer_id"] = customer, ["value"] = "7" } }, Key());
        var hour = DateTimeOffset.FromUnixTimeSeconds(At.ToUnixTimeSeconds() / 3600 * 3600);
        await stripe.MeterEventSummaries.ListAsync(meter, new() { Customer = customer, StartTime = hour, EndTime = hour.AddHours(2), ValueGroupingWindow = "hour" });

        await stripe.WebhookEndpoints.CreateAsync(new() { Url = "https://app.example/webhooks/stripe", EnabledEvents = ["invoice.paid", "customer.updated"], ApiVersion = "2026-07-29.dahlia" }, Key());
        await stripe.Events.ListAsync(new() { Created = new() { Gte = At }, Types = ["invoice.paid", "customer.subscription.deleted"], Limit = 100 });
        await stripe.TestClocks.AdvanceAsync(clock.Id, new() { FrozenTime = At.AddDays(1) }, Key());
    }

    private static async Task CheckoutAsync(StripeClient stripe, string customer, string pro)
    {
        var session = await stripe.CheckoutSessions.CreateAsync(new()
        {
            Mode = "subscription", UiMode = "hosted_page", Customer = customer, ClientReferenceId = "org_1", LineItems = [new() { Price = pro, Quantity = 1 }], AllowPromotionCodes = true,
            SuccessUrl = "https://app.example/billing/success?session_id={CHECKOUT_SESSION_ID}", CancelUrl = "https://app.example/billing/cancel", Metadata = Org,
            SubscriptionData = new() { Metadata = Org, BillingMode = new() { Type = "flexible" } },
        }, Key());
        await stripe.CheckoutSessions.GetAsync(session.Id, ["line_items", "subscription"]);
        await stripe.CheckoutSessions.ExpireAsync(session.Id, Key());
        await stripe.CheckoutSessions.CreateAsync(new()
        {
            Mode = "payment", Customer = customer, LineItems = [new() { PriceData = new() { Currency = "usd", UnitAmount = 1999, ProductData = new() { Name = "Credits" } }, Quantity = 1 }],
            SuccessUrl = "https://app.example/ok", CancelUrl = "https://app.example/no", InvoiceCreation = new() { Enabled = true }, PaymentIntentData = new() { Metadata = Org, SetupFutureUsage = "off_session" },
        }, Key());
        var configuration = (await stripe.BillingPortalConfigurations.CreateAsync(new()
        {
            DefaultReturnUrl = "https://app.example/settings/billing",
            Features = new()
            {
                CustomerUpdate = new() { Enabled = true, AllowedUpdates = ["name", "email"] }, InvoiceHistory = new() { Enabled = true }, PaymentMethodUpdate = new() { Enabled = true },
                SubscriptionCancel = new() { Enabled = true, Mode = "at_period_end", CancellationReason = new() { Enabled = true, Options = ["too_expensive", "other"] } },
            },
        }, Key())).Id;
        await stripe.BillingPortalSessions.CreateAsync(new() { Customer = customer, Configuration = configuration, ReturnUrl = "https://app.example/back" }, Key());
    }

    private static async Task PlanAsync(StripeClient stripe, string customer, string pro, string team)
    {
        var made = await stripe.Subscriptions.CreateAsync(new()
        {
            Customer = customer, Items = [new() { Price = pro, Quantity = 1 }], BillingMode = new() { Type = "flexible" }, PaymentBehavior = "error_if_incomplete", Metadata = Org,
        }, Key());
        SubscriptionItemChangeParams change = new() { Id = made.Items.Data[0].Id, Price = team, Quantity = 1 };
        await stripe.Invoices.CreatePreviewAsync(new() { Customer = customer, Subscription = made.Id, SubscriptionDetails = new() { Items = [change], ProrationBehavior = "always_invoice", ProrationDate = At } });
        await stripe.Subscriptions.UpdateAsync(made.Id, new() { Items = [change], ProrationBehavior = "always_invoice", ProrationDate = At, PaymentBehavior = "pending_if_incomplete", Expand = ["latest_invoice.payments"] }, Key());
        await stripe.Subscriptions.UpdateAsync(made.Id, new() { CancelAtPeriodEnd = true, CancellationDetails = new() { Feedback = "too_expensive", Comment = "see you" } }, Key());
        await stripe.Subscriptions.UpdateAsync(made.Id, new() { CancelAtPeriodEnd = false, CancelAt = Clearable<DateTimeOffset>.Cleared }, Key());
        var schedule = await stripe.SubscriptionSchedules.CreateAsync(new() { FromSubscription = made.Id }, Key());
        await stripe.SubscriptionSchedules.UpdateAsync(schedule.Id, new()
        {
            EndBehavior = "release",
            Phases =
            [
                new() { StartDate = schedule.Phases[0].StartDate, EndDate = schedule.Phases[0].EndDate, Items = [new() { Price = team, Quantity = 1 }] },
                new() { Items = [new() { Price = pro, Quantity = 1 }], Duration = new() { Interval = "month", IntervalCount = 1 }, ProrationBehavior = "none" },
            ],
        }, Key());
        await stripe.SubscriptionSchedules.ReleaseAsync(schedule.Id, new(), Key());
        await stripe.Subscriptions.ListAsync(new() { Customer = customer, Status = "all", Limit = 100 });
        await stripe.Subscriptions.CancelAsync(made.Id, new() { Prorate = false, InvoiceNow = false });
    }

    private static async Task InvoiceAsync(StripeClient stripe, string customer)
    {
        var invoice = (await stripe.Invoices.CreateAsync(new() { Customer = customer, Currency = "usd", Number = "INV-2026-000123", PendingInvoiceItemsBehavior = "exclude", AutoAdvance = false, Metadata = Org }, Key())).Id!;
        await stripe.InvoiceItems.CreateAsync(new() { Customer = customer, Invoice = invoice, Amount = 4500, Currency = "usd", Description = "Workflows, 4 × $10.00", Period = new() { Start = At, End = At.AddDays(1) } }, Key());
        await stripe.Invoices.GetAsync(invoice);
        await stripe.Invoices.FinalizeAsync(invoice, new() { AutoAdvance = false }, Key());
        await stripe.Invoices.PayAsync(invoice, new() { OffSession = true }, Key());
        var payment = (await stripe.InvoicePayments.ListAsync(new() { Invoice = invoice })).Data[0];
        await stripe.CreditNotes.CreateAsync(new() { Invoice = invoice, Amount = 500, RefundAmount = 500, Reason = "duplicate" }, Key());
        await stripe.Refunds.CreateAsync(new() { PaymentIntent = payment.Payment.PaymentIntent!.Id, Amount = 1000, Reason = "requested_by_customer", Metadata = new Dictionary<string, string> { ["request"] = "1" } }, Key());
        await stripe.Charges.ListAsync(new() { Customer = customer, Limit = 5 });
    }

    private static RequestOptions Key() => new() { IdempotencyKey = Guid.CreateVersion7().ToString() };

    /// <summary>Passes requests on and writes them down, with ids replaced by the order of their first appearance.</summary>
    private sealed partial class Recorder : IAsyncDisposable
    {
        private static readonly HttpClient Onwards = new(new SocketsHttpHandler { UseCookies = false });
        private readonly WebApplication _app;
        private readonly Uri _target;
        private readonly ConcurrentQueue<string> _lines = new();

        private Recorder(WebApplication app, Uri target) => (_app, _target) = (app, target);

        public Uri Url => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

        public static async Task<Recorder> StartAsync(Uri target)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            builder.Logging.ClearProviders();
            var recorder = new Recorder(builder.Build(), target);
            recorder._app.Run(recorder.PassAsync);
            await recorder._app.StartAsync();
            return recorder;
        }

        public IReadOnlyList<string> Take()
        {
            var ids = new Dictionary<string, string>(StringComparer.Ordinal);
            var lines = _lines.Select(line => Id().Replace(line, id => ids.TryGetValue(id.Value, out var known) ? known : ids[id.Value] = $"{id.Groups["kind"].Value}_{ids.Count}")).ToList();
            _lines.Clear();
            return lines;
        }

        public ValueTask DisposeAsync() => _app.DisposeAsync();

        private async Task PassAsync(HttpContext http)
        {
            using var reader = new StreamReader(http.Request.Body);
            var body = await reader.ReadToEndAsync();
            var sent = http.Request.Method == "POST" ? body : http.Request.QueryString.Value!.TrimStart('?');
            var parameters = sent.Split('&', StringSplitOptions.RemoveEmptyEntries).Select(p => Uri.UnescapeDataString(p.Replace('+', ' '))).Order(StringComparer.Ordinal);
            _lines.Enqueue($"{http.Request.Method} {http.Request.Path} {string.Join(" & ", parameters)} [{http.Request.Headers["Stripe-Version"]}{(http.Request.Headers.ContainsKey("Idempotency-Key") ? ", key" : "")}]");
            using var request = new HttpRequestMessage(new HttpMethod(http.Request.Method), new Uri(_target, http.Request.Path + http.Request.QueryString));
            if (http.Request.Method == "POST") request.Content = new StringContent(body, null, "application/x-www-form-urlencoded");
            foreach (var name in (string[])["Authorization", "Stripe-Version", "Idempotency-Key"])
                if (http.Request.Headers[name] is [{ } value]) request.Headers.TryAddWithoutValidation(name, value);
            using var answer = await Onwards.SendAsync(request);
            http.Response.StatusCode = (int)answer.StatusCode;
            http.Response.ContentType = "application/json";
            if (answer.Headers.TryGetValues("Request-Id", out var id)) http.Response.Headers["Request-Id"] = id.ToArray();
            await http.Response.WriteAsync(await answer.Content.ReadAsStringAsync());
        }

        [GeneratedRegex(@"\b(?<kind>cus|pm|seti|pi|ch|cs_test|prod|price|sub|si|sub_sched|in|il|re|cn|mtr_test|clock|bpc|promo|di)_[A-Za-z0-9]{8,}\b|(?<=\[coupon\]=)(\w{8})\b", RegexOptions.ExplicitCapture, 1000)]
        private static partial Regex Id();
    }
}
