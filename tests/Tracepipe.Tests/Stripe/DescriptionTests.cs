using System.Text.Json;
using Tracepipe.Stripe;

namespace Tracepipe.Tests.Stripe;

/// <summary>Catches parameters Stripe does not know, members it does not send, and answers we cannot read: all calls against its published description.</summary>
public sealed class DescriptionTests
{
    public static TheoryData<string> Calls => [.. EveryCall.Names];

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task Every_call_is_one_that_Stripe_knows_and_its_least_and_fullest_answers_are_read(string name)
    {
        var description = Described();
        foreach (var full in (bool[])[false, true])
        {
            using var answers = new SampleAnswers(description, full);
            using var http = Http(new SpecCheckingHandler(description, anyValue: true) { InnerHandler = answers });
            Assert.NotNull(await EveryCall.MakeAsync(Client(http), name));
        }
    }

    [Fact]
    public async Task Every_member_we_read_exists_with_its_type_and_may_be_missing_where_it_can_be()
    {
        var shapes = await ComparedAsync();
        Assert.True(shapes.Wrong.Count == 0, string.Join('\n', shapes.Wrong));
        Assert.True(shapes.Records.Count > 80, "The comparison reached few records.");
    }

    [Fact]
    public async Task Official_examples_are_read()
    {
        var file = ApiDescription.FindFile("shared/stripe/fixtures-dahlia.json");
        Assert.SkipWhen(file is null, "The examples are not part of this repository.");
        var shapes = await ComparedAsync();
        using var fixtures = JsonDocument.Parse(await File.ReadAllBytesAsync(file!));
        var read = new List<string>();
        foreach (var fixture in fixtures.RootElement.GetProperty("resources").EnumerateObject())
        {
            if (!shapes.Records.TryGetValue(fixture.Name, out var type)) continue;
            Assert.NotNull(fixture.Value.Deserialize(StripeJson.Default.GetTypeInfo(type)!));
            read.Add(fixture.Name);
        }
        Assert.True(read.Count >= 25, $"Only {string.Join(", ", read)} were found.");
    }

    [Theory]
    [InlineData(typeof(SetupIntentStatus), "setup_intent", "status")]
    [InlineData(typeof(TaxExemptions), "customer", "tax_exempt")]
    [InlineData(typeof(StripeErrorTypes), "api_errors", "type")]
    [InlineData(typeof(StripeErrorCodes), "api_errors", "code")]
    [InlineData(typeof(EventTypes), "event", "type")]
    [InlineData(typeof(PriceTypes), "price", "type")]
    [InlineData(typeof(CheckoutModes), "checkout.session", "mode")]
    [InlineData(typeof(CheckoutSessionStatus), "checkout.session", "status")]
    [InlineData(typeof(CheckoutPaymentStatus), "checkout.session", "payment_status")]
    [InlineData(typeof(SubscriptionStatus), "subscription", "status")]
    [InlineData(typeof(SubscriptionScheduleStatus), "subscription_schedule", "status")]
    [InlineData(typeof(BillingModes), "subscription_billing_mode", "type")]
    [InlineData(typeof(CancellationFeedback), "subscription_cancellation_details", "feedback")]
    [InlineData(typeof(ProrationBehaviors), "subscription_schedule_phase", "proration_behavior")]
    [InlineData(typeof(InvoiceStatus), "invoice", "status")]
    [InlineData(typeof(BillingReasons), "invoice", "billing_reason")]
    [InlineData(typeof(PaymentIntentStatus), "payment_intent", "status")]
    [InlineData(typeof(ChargeStatus), "charge", "status")]
    [InlineData(typeof(RefundReasons), "refund", "reason")]
    [InlineData(typeof(DisputeStatus), "dispute", "status")]
    [InlineData(typeof(TestClockStatus), "test_helpers.test_clock", "status")]
    public void Every_value_we_name_is_one_of_Stripes(Type constants, string schema, string member)
    {
        var described = Described();
        var values = described.Resolve(described.Schema(schema).GetProperty("properties").GetProperty(member)).Schema.GetProperty("enum");
        var known = values.EnumerateArray().Select(value => value.GetString()).ToHashSet(StringComparer.Ordinal);
        var ours = constants.GetFields().Select(field => (string)field.GetRawConstantValue()!);
        Assert.Equal([], ours.Except(known, StringComparer.Ordinal));
    }

    /// <summary>The check itself: it must see what it is there to see.</summary>
    [Theory]
    [InlineData("POST", "/v1/customers", "name=Ada", null)]
    [InlineData("POST", "/v1/customers", "nome=Ada", "POST /v1/customers.nome: unknown parameter")]
    [InlineData("POST", "/v1/customers", "address[cty]=Bern", "POST /v1/customers.address: no alternative fits")]
    [InlineData("POST", "/v1/customers", "balance=ten", "POST /v1/customers.balance: no integer")]
    [InlineData("POST", "/v1/customers", "tax_exempt=perhaps", "POST /v1/customers.tax_exempt: no alternative fits")]
    [InlineData("POST", "/v1/payment_intents", "amount=100", "POST /v1/payment_intents.currency: required, missing")]
    [InlineData("GET", "/v1/events?types[0]=a&deep[er]=1", "", "GET /v1/events.deep: unknown parameter")]
    [InlineData("GET", "/v1/nothing", "", "GET /v1/nothing is no operation")]
    [InlineData("POST", "/v1/subscriptions/sub_1", "cancel_at=", null)]
    [InlineData("POST", "/v1/subscriptions/sub_1", "cancel_at_period_end=", "POST /v1/subscriptions/{subscription_exposed_id}.cancel_at_period_end: neither true nor false")]
    public void An_unknown_parameter_is_seen(string method, string target, string body, string? wrong)
    {
        var found = Described().CheckRequest(method, target, body);
        if (wrong is null) Assert.Empty(found);
        else Assert.StartsWith(wrong, Assert.Single(found), StringComparison.Ordinal);
    }

    private static ApiDescription Described()
    {
        Assert.SkipWhen(ApiDescription.Current is null, "The description of the API is not here.");
        return ApiDescription.Current!;
    }

    private static async Task<Shapes> ComparedAsync()
    {
        var description = Described();
        var shapes = new Shapes(description);
        shapes.Compare(typeof(StripeError), description.Schema("error").GetProperty("properties").GetProperty("error"), "error");
        foreach (var name in EveryCall.Names.Where(name => !EveryCall.IsPaging(EveryCall.Method(name))))
        {
            using var answers = new SampleAnswers(description, full: false);
            using var http = Http(answers);
            await EveryCall.MakeAsync(Client(http), name);
            shapes.Compare(EveryCall.ResultOf(EveryCall.Method(name)), answers.Asked!.Answer, name);
        }
        return shapes;
    }

    private static HttpClient Http(HttpMessageHandler handler) => new(handler);

    private static StripeClient Client(HttpClient http) => new(http, new() { ApiKey = "sk_test_x", MaxRetries = 0 }, TimeProvider.System);
}
