using Microsoft.Extensions.Logging;
using Tracepipe.Stripe;
using static Tracepipe.Tests.Stripe.ScriptedStripe;

namespace Tracepipe.Tests.Stripe;

/// <summary>Catches requests that Stripe would not understand, and answers we would misread.</summary>
public sealed class WireTests
{
    private static readonly RequestOptions Write = new() { IdempotencyKey = "customer:o1" };

    [Fact]
    public async Task A_write_is_a_form_with_key_version_and_idempotency_key()
    {
        await using var stripe = await StartAsync(Json(200, Samples.Customer));
        await stripe.Client().Customers.CreateAsync(
            new()
            {
                Email = "ada@example.com",
                Name = "Ada & Söhne",
                InvoiceSettings = new() { DefaultPaymentMethod = "" },
                Address = new AddressParams { City = "Zürich", Country = "CH" },
                Metadata = new Dictionary<string, string> { ["org_id"] = "o1", ["old"] = "" },
                Expand = ["invoice_settings.default_payment_method"],
            },
            Write);

        var request = Assert.Single(stripe.Requests);
        Assert.Equal("POST", request.Method);
        Assert.Equal("/v1/customers", request.Target);
        Assert.Equal("Bearer sk_test_confidential", request.Headers["Authorization"]);
        Assert.Equal("2026-07-29.dahlia", request.Headers["Stripe-Version"]);
        Assert.Equal("customer:o1", request.Key);
        Assert.Equal("application/x-www-form-urlencoded", request.Headers["Content-Type"]);
        string[] expected =
        [
            "email=ada%40example.com", "name=Ada%20%26%20S%C3%B6hne", "address[city]=Z%C3%BCrich", "address[country]=CH",
            "invoice_settings[default_payment_method]=", "metadata[org_id]=o1", "metadata[old]=", "expand[0]=invoice_settings.default_payment_method",
        ];
        Assert.Equal(expected.Order(StringComparer.Ordinal), request.Body.Split('&').Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Booleans_lists_and_times_are_written_as_Stripe_reads_them()
    {
        await using var stripe = await StartAsync(Json(200, Samples.SetupIntent()), Json(200, Samples.Page(hasMore: false)));
        var client = stripe.Client();
        await client.SetupIntents.CreateAsync(new() { AutomaticPaymentMethods = new() { Enabled = true, AllowRedirects = "never" }, Usage = FutureUsage.OffSession }, Write);
        await client.Events.ListAsync(new()
        {
            Created = new() { Gte = DateTimeOffset.FromUnixTimeSeconds(1785585600) },
            Types = ["invoice.paid", "invoice.voided"],
            DeliverySuccess = false,
        });

        var requests = stripe.Requests.ToArray();
        Assert.Equal("usage=off_session&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never", requests[0].Body);
        Assert.Equal("GET", requests[1].Method);
        Assert.Equal("", requests[1].Body);
        Assert.Null(requests[1].Key);
        Assert.Equal("/v1/events?created[gte]=1785585600&types[0]=invoice.paid&types[1]=invoice.voided&delivery_success=false", Uri.UnescapeDataString(requests[1].Target));
    }

    [Fact]
    public async Task A_cleared_value_is_sent_empty()
    {
        await using var stripe = await StartAsync(Json(200, Samples.Customer));
        await stripe.Client().Customers.UpdateAsync("cus_1", new() { Address = Clearable<AddressParams>.Cleared, Phone = "" }, Write);
        Assert.Equal("phone=&address=", Assert.Single(stripe.Requests).Body);
    }

    [Fact]
    public async Task An_answer_is_read_with_times_in_UTC_and_unknown_members_ignored()
    {
        await using var stripe = await StartAsync(Json(200, Samples.Customer));
        var customer = await stripe.Client().Customers.GetAsync("cus_1");
        Assert.Equal(new DateTimeOffset(2026, 8, 1, 12, 0, 0, TimeSpan.Zero), customer.Created);
        Assert.Equal(-250, customer.Balance);
        Assert.Equal("pm_1", customer.DefaultPaymentMethod?.Id);
        Assert.Equal("o1", customer.Metadata!["org_id"]);
        Assert.False(customer.Deleted);
    }

    [Fact]
    public async Task A_deleted_customer_is_readable()
    {
        await using var stripe = await StartAsync(Json(200, """{"id":"cus_1","object":"customer","deleted":true}"""));
        Assert.True((await stripe.Client().Customers.GetAsync("cus_1")).Deleted);
    }

    [Fact]
    public async Task A_reference_is_read_as_id_or_as_object()
    {
        await using var stripe = await StartAsync(Json(200, Samples.SetupIntent()), Json(200, Samples.SetupIntent(Samples.PaymentMethod())));
        var client = stripe.Client();
        var plain = await client.SetupIntents.GetAsync("seti_1");
        var expanded = await client.SetupIntents.GetAsync("seti_1", expand: ["payment_method"]);
        Assert.Equal(("pm_1", null), (plain.PaymentMethod!.Id, plain.PaymentMethod.Value));
        Assert.Equal(("pm_1", "4242"), (expanded.PaymentMethod!.Id, expanded.PaymentMethod.Value?.Card?.Last4));
    }

    [Fact]
    public async Task Pages_are_followed_to_the_end()
    {
        await using var stripe = await StartAsync(
            Json(200, Samples.Page(hasMore: true, Samples.PaymentMethod("pm_3"), Samples.PaymentMethod("pm_2"))),
            Json(200, Samples.Page(hasMore: false, Samples.PaymentMethod("pm_1"))));
        var ids = new List<string>();
        await foreach (var method in stripe.Client().Customers.ListPaymentMethodsAutoPagingAsync("cus_1", new() { Limit = 2 })) ids.Add(method.Id);
        Assert.Equal(["pm_3", "pm_2", "pm_1"], ids);
        Assert.Equal(["/v1/customers/cus_1/payment_methods?limit=2", "/v1/customers/cus_1/payment_methods?limit=2&starting_after=pm_2"], stripe.Requests.Select(request => request.Target));
    }

    [Fact]
    public async Task Newer_objects_come_oldest_first()
    {
        await using var stripe = await StartAsync(
            Json(200, Samples.Page(hasMore: true, Samples.PaymentMethod("pm_3"), Samples.PaymentMethod("pm_2"))),
            Json(200, Samples.Page(hasMore: false, Samples.PaymentMethod("pm_5"), Samples.PaymentMethod("pm_4"))));
        var ids = new List<string>();
        await foreach (var method in stripe.Client().PaymentMethods.ListAutoPagingAsync(new() { EndingBefore = "pm_1" })) ids.Add(method.Id);
        Assert.Equal(["pm_2", "pm_3", "pm_4", "pm_5"], ids);
        Assert.Equal(["/v1/payment_methods?ending_before=pm_1", "/v1/payment_methods?ending_before=pm_3"], stripe.Requests.Select(request => request.Target));
    }

    [Fact]
    public async Task A_page_that_claims_more_but_holds_nothing_ends_the_list()
    {
        await using var stripe = await StartAsync(Json(200, Samples.Page(hasMore: true)));
        await foreach (var _ in stripe.Client().Customers.ListAutoPagingAsync(new())) Assert.Fail("There is nothing to list.");
        Assert.Single(stripe.Requests);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData(".")]
    [InlineData("..")]
    public async Task An_id_that_would_name_another_resource_is_refused(string id)
    {
        await using var stripe = await StartAsync();
        await Assert.ThrowsAsync<ArgumentException>(() => stripe.Client().Customers.DeleteAsync(id));
        Assert.Empty(stripe.Requests);
    }

    [Theory]
    [InlineData("../charges", "/v1/customers/..%2Fcharges")]
    [InlineData("a?b=c#d", "/v1/customers/a%3Fb%3Dc%23d")]
    [InlineData("%2e%2e", "/v1/customers/%252e%252e")]
    public async Task An_id_stays_one_segment_of_the_path(string id, string target)
    {
        await using var stripe = await StartAsync(Error(404, "invalid_request_error", "resource_missing"));
        var error = await Assert.ThrowsAsync<StripeException>(() => stripe.Client().Customers.GetAsync(id));
        Assert.True(error.IsNotFound);
        Assert.Equal(target, Assert.Single(stripe.Requests).Target);
    }

    [Theory]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("newline\n")]
    [InlineData("clé")]
    public async Task A_key_that_no_header_can_carry_is_refused(string key)
    {
        await using var stripe = await StartAsync();
        await Assert.ThrowsAsync<ArgumentException>(() => stripe.Client().Customers.CreateAsync(new(), new RequestOptions { IdempotencyKey = key }));
        await Assert.ThrowsAsync<ArgumentException>(() => stripe.Client().Customers.CreateAsync(new(), new RequestOptions { IdempotencyKey = new('k', 256) }));
        Assert.Empty(stripe.Requests);
    }

    [Theory]
    [InlineData("a[b")]
    [InlineData("a]")]
    [InlineData("")]
    public async Task A_metadata_key_cannot_become_another_parameter(string key)
    {
        await using var stripe = await StartAsync();
        await Assert.ThrowsAsync<ArgumentException>(() => stripe.Client().Customers.CreateAsync(new() { Metadata = new Dictionary<string, string> { [key] = "x" } }, Write));
        Assert.Empty(stripe.Requests);
    }

    [Fact]
    public async Task No_log_line_and_no_ToString_holds_a_secret()
    {
        var log = new ListLogger();
        await using var stripe = await StartAsync(Error(500, "api_error"), Json(200, Samples.SetupIntent()), Error(402, "card_error", "card_declined"));
        var client = stripe.Client(log);
        var (intent, _) = await stripe.RunAsync(() => client.SetupIntents.CreateAsync(new() { Customer = "cus_1", Description = "for ada@example.com" }, Write));
        var error = await Assert.ThrowsAsync<StripeException>(() => client.PaymentMethods.AttachAsync("pm_1", new() { Customer = "cus_1" }, Write));

        Assert.Equal("seti_1_secret_hidden", intent.ClientSecret);
        Assert.Equal(4, log.Lines.Count); // three answers and one retry
        var printed = string.Join('\n', [.. log.Lines, intent.ToString(), error.ToString(), new CustomerCreateParams { Email = "ada@example.com" }.ToString()]);
        Assert.DoesNotContain("confidential", printed, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", printed, StringComparison.Ordinal);
        Assert.DoesNotContain("ada@", printed, StringComparison.Ordinal);
        Assert.Contains("req_1", printed, StringComparison.Ordinal);
    }

    private sealed class ListLogger : ILogger
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (Lines) Lines.Add(formatter(state, exception));
        }
    }
}
