using System.Text;
using Tracepipe.Stripe;
using Tracepipe.StripeSandbox;
using static Tracepipe.Tests.Stripe.ScriptedStripe;

namespace Tracepipe.Tests.Stripe;

/// <summary>Catches a client and a server that were each built right and do not fit: the client's calls against the running sandbox, faults included.</summary>
public sealed class SandboxTests : IAsyncLifetime
{
    private readonly ManualClock clock = new();
    private readonly string key = $"sk_test_{Guid.CreateVersion7():N}";
    private HttpClient http = null!;
    private SandboxServer sandbox = null!;
    private StripeClient stripe = null!;

    public async ValueTask InitializeAsync()
    {
        sandbox = await SandboxServer.StartAsync(new() { StrictResponses = true }, TimeProvider.System);
        var sockets = StripeClient.CreateHandler();
        sockets.PooledConnectionLifetime = TimeSpan.Zero;
        http = new(new SpecCheckingHandler(ApiDescription.Current!) { InnerHandler = sockets });
        stripe = new(http, new() { ApiKey = key, ApiBase = sandbox.Url }, clock);
    }

    public async ValueTask DisposeAsync()
    {
        Assert.Empty(sandbox.ContractViolations);
        http.Dispose();
        await sandbox.DisposeAsync();
    }

    [Fact]
    public async Task A_card_is_saved_made_default_and_removed()
    {
        var customer = await stripe.Customers.CreateAsync(new() { Email = "ada@example.com", Metadata = Org }, Key("customer"));
        var intent = await stripe.SetupIntents.CreateAsync(
            new() { Customer = customer.Id, Usage = FutureUsage.OffSession, AutomaticPaymentMethods = new() { Enabled = true, AllowRedirects = "never" }, Metadata = Org }, Key("intent"));
        Assert.Equal(SetupIntentStatus.RequiresPaymentMethod, intent.Status);
        Assert.StartsWith(intent.Id + "_secret_", intent.ClientSecret, StringComparison.Ordinal);

        intent = await stripe.SetupIntents.ConfirmAsync(intent.Id, new() { PaymentMethod = "pm_card_visa" }, Key("confirm"));
        Assert.Equal(SetupIntentStatus.Succeeded, intent.Status);
        var method = Assert.Single((await stripe.Customers.ListPaymentMethodsAsync(customer.Id, new())).Data);
        Assert.Equal((intent.PaymentMethod!.Id, "visa", "4242"), (method.Id, method.Card!.Brand, method.Card.Last4));

        await stripe.Customers.UpdateAsync(customer.Id, new() { InvoiceSettings = new() { DefaultPaymentMethod = method.Id } }, Key("default"));
        customer = await stripe.Customers.GetAsync(customer.Id, expand: ["invoice_settings.default_payment_method"]);
        Assert.Equal("4242", customer.DefaultPaymentMethod?.Value?.Card?.Last4);

        Assert.Null((await stripe.PaymentMethods.DetachAsync(method.Id, Key("detach"))).Customer);
        Assert.Empty((await stripe.Customers.ListPaymentMethodsAsync(customer.Id, new())).Data);
        Assert.True((await stripe.Customers.DeleteAsync(customer.Id)).Deleted);
        Assert.True((await stripe.Customers.GetAsync(customer.Id)).Deleted);
    }

    [Fact]
    public async Task A_declined_card_says_why_and_the_intent_keeps_it()
    {
        var customer = await stripe.Customers.CreateAsync(new(), Key("customer"));
        var intent = await stripe.SetupIntents.CreateAsync(new() { Customer = customer.Id }, Key("intent"));
        var error = await Assert.ThrowsAsync<StripeException>(() =>
            stripe.SetupIntents.ConfirmAsync(intent.Id, new() { PaymentMethod = "pm_card_visa_chargeDeclined" }, Key("confirm")));
        Assert.Equal((true, false, StripeErrorCodes.CardDeclined, "generic_decline"), (error.IsCardError, error.OutcomeUnknown, error.Code, error.DeclineCode));
        intent = await stripe.SetupIntents.GetAsync(intent.Id, expand: ["latest_attempt"]);
        Assert.Equal((SetupIntentStatus.RequiresPaymentMethod, StripeErrorCodes.CardDeclined), (intent.Status, intent.LastSetupError?.Code));
        Assert.Equal(SetupAttemptStatus.Failed, intent.LatestAttempt?.Value?.Status);
    }

    [Fact]
    public async Task The_same_key_does_it_once_and_other_parameters_are_refused_under_it()
    {
        var first = await stripe.Customers.CreateAsync(new() { Name = "Ada" }, Key("customer"));
        var again = await stripe.Customers.CreateAsync(new() { Name = "Ada" }, Key("customer"));
        Assert.Equal(first.Id, again.Id);
        var error = await Assert.ThrowsAsync<StripeException>(() => stripe.Customers.CreateAsync(new() { Name = "Grace" }, Key("customer")));
        Assert.Equal((StripeErrorKind.Idempotency, false), (error.Kind, error.OutcomeUnknown));
    }

    [Theory]
    [InlineData("error")]
    [InlineData("rate_limit")]
    [InlineData("lock_timeout")]
    [InlineData("drop")]
    [InlineData("drop_after")]
    public async Task A_fault_on_the_way_leaves_exactly_one_customer(string fault)
    {
        await OrderAsync(fault);
        var (customer, waits) = await clock.RunAsync(() => stripe.Customers.CreateAsync(new() { Email = "ada@example.com" }, Key("customer")));
        Assert.Single(waits);
        Assert.Equal(customer.Id, Assert.Single((await stripe.Customers.ListAsync(new() { Email = "ada@example.com" })).Data).Id);
    }

    [Theory]
    [InlineData("error_after")]
    [InlineData("drop_after")]
    public async Task What_was_done_without_an_answer_is_unknown_until_one_looks_or_asks_again(string fault)
    {
        await OrderAsync(fault);
        var error = await Assert.ThrowsAsync<StripeException>(() => stripe.Customers.CreateAsync(new() { Metadata = Org }, Key("customer") with { MaxRetries = 0 }));
        Assert.True(error.OutcomeUnknown);
        var found = Assert.Single((await stripe.Customers.ListAsync(new() { Created = new() { Gte = TimeProvider.System.GetUtcNow().AddMinutes(-5) } })).Data);
        Assert.Equal("o1", found.Metadata!["org_id"]);
        Assert.Equal(found.Id, (await stripe.Customers.CreateAsync(new() { Metadata = Org }, Key("customer"))).Id);
    }

    [Fact]
    public async Task A_delivered_event_is_signed_parsed_and_listed()
    {
        await using var receiver = await ScriptedStripe.StartAsync(Json(200, "{}"), Json(200, "{}"));
        var endpoint = await stripe.WebhookEndpoints.CreateAsync(
            new() { Url = new Uri(receiver.Address, "/webhooks/stripe").AbsoluteUri, EnabledEvents = [EventTypes.PaymentMethodAttached], ApiVersion = StripeOptions.DefaultApiVersion }, Key("endpoint"));
        var customer = await stripe.Customers.CreateAsync(new(), Key("customer"));
        var method = await stripe.PaymentMethods.AttachAsync("pm_card_mastercard", new() { Customer = customer.Id }, Key("attach"));

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var delivery = await receiver.NextRequestAsync(limit.Token);
        var body = Encoding.UTF8.GetBytes(delivery.Body);
        Assert.True(StripeSignature.Verify(body, delivery.Headers[StripeSignature.HeaderName], [endpoint.Secret!], TimeProvider.System.GetUtcNow()).IsValid);
        Assert.Equal(SignatureVerdict.Mismatch, StripeSignature.Verify(body, delivery.Headers[StripeSignature.HeaderName], ["whsec_other"], TimeProvider.System.GetUtcNow()).Verdict);
        var told = StripeEvent.Parse(body);
        Assert.Equal((EventTypes.PaymentMethodAttached, method.Id, customer.Id, true), (told.Type, told.ObjectId, told.CustomerId, told.IsCompatibleApiVersion()));
        Assert.Equal(told.Id, Assert.Single((await stripe.Events.ListAsync(new() { Types = [EventTypes.PaymentMethodAttached] })).Data).Id);
        Assert.Null((await stripe.WebhookEndpoints.GetAsync(endpoint.Id)).Secret);
    }

    [Fact]
    public async Task A_key_of_the_other_mode_is_refused()
    {
        var live = new StripeClient(http, new() { ApiKey = "sk_live_x", ApiBase = sandbox.Url }, clock);
        var error = await Assert.ThrowsAsync<StripeException>(() => live.Customers.ListAsync(new()));
        Assert.Equal((StripeErrorKind.Authentication, true), (error.Kind, live.Options.IsLive));
    }

    private static Dictionary<string, string> Org => new() { ["org_id"] = "o1" };

    private static RequestOptions Key(string name) => new() { IdempotencyKey = $"{name}:o1" };

    private async Task OrderAsync(string fault)
    {
        using var direct = new HttpClient();
        direct.DefaultRequestHeaders.Authorization = new("Bearer", key);
        using var order = new StringContent($$"""{"kind":"{{fault}}","path":"/v1/customers","count":1}""", Encoding.UTF8, "application/json");
        using var answer = await direct.PostAsync(new Uri(sandbox.Url, "/_sandbox/faults"), order);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }
}
