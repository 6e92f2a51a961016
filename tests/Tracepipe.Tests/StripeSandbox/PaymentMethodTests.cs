namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a card that serves two customers, or comes back after it was removed.</summary>
public sealed class PaymentMethodTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private readonly SandboxClient _api = sandbox.NewAccount();

    [Fact]
    public async Task A_card_belongs_to_one_customer_until_it_is_detached_for_ever()
    {
        var (ada, bob) = (await _api.CustomerAsync(), await _api.CustomerAsync());
        var card = (await _api.PostAsync("/v1/payment_methods/pm_card_visa/attach", $"customer={ada}")).Ok();
        (await _api.PostAsync($"/v1/payment_methods/{card.Id}/attach", $"customer={ada}")).Refused(400, "payment_method_unexpected_state");
        (await _api.PostAsync($"/v1/payment_methods/{card.Id}/attach", $"customer={bob}")).Refused(400, "payment_method_unexpected_state");
        Assert.Null((await _api.PostAsync($"/v1/payment_methods/{card.Id}/detach")).Ok()["customer"]);
        (await _api.PostAsync($"/v1/payment_methods/{card.Id}/attach", $"customer={ada}")).Refused(400, "payment_method_unexpected_state");
        (await _api.PostAsync($"/v1/payment_methods/{card.Id}/detach")).Refused(400, "payment_method_unexpected_state");
        (await _api.GetAsync($"/v1/customers/{ada}/payment_methods/{card.Id}")).Refused(404, "resource_missing");
        Assert.Empty((await _api.GetAsync($"/v1/payment_methods?customer={ada}")).Ok().Data);
    }

    [Fact]
    public async Task Detaching_the_default_leaves_none()
    {
        var ada = await _api.CustomerAsync();
        var card = (await _api.PostAsync("/v1/payment_methods/pm_card_visa/attach", $"customer={ada}")).Ok();
        (await _api.PostAsync($"/v1/customers/{ada}", $"invoice_settings[default_payment_method]={card.Id}")).Ok();
        (await _api.PostAsync($"/v1/payment_methods/{card.Id}/detach")).Ok();
        Assert.Null((await _api.GetAsync($"/v1/customers/{ada}")).Ok()["invoice_settings.default_payment_method"]);
        var updated = (await _api.GetAsync("/v1/events?type=customer.updated&limit=1")).Ok();
        Assert.Equal(card.Id, updated["data.0.data.previous_attributes.invoice_settings.default_payment_method"]);
    }

    [Fact]
    public async Task A_default_must_be_the_customers_own()
    {
        var (ada, bob) = (await _api.CustomerAsync(), await _api.CustomerAsync());
        var card = (await _api.PostAsync("/v1/payment_methods/pm_card_visa/attach", $"customer={bob}")).Ok();
        (await _api.PostAsync($"/v1/customers/{ada}", $"invoice_settings[default_payment_method]={card.Id}")).Refused(400, "payment_method_unexpected_state");
        (await _api.PostAsync($"/v1/customers/{ada}", "invoice_settings[default_payment_method]=pm_none")).Refused(404, "resource_missing");
    }

    [Fact]
    public async Task Expiry_and_name_can_be_corrected()
    {
        var ada = await _api.CustomerAsync();
        var card = (await _api.PostAsync("/v1/payment_methods/pm_card_visa/attach", $"customer={ada}")).Ok();
        var updated = (await _api.PostAsync($"/v1/payment_methods/{card.Id}", "card[exp_month]=4&card[exp_year]=2044&billing_details[name]=Ada")).Ok();
        Assert.Equal(("4", "2044", "Ada"), (updated["card.exp_month"], updated["card.exp_year"], updated["billing_details.name"]));
        (await _api.PostAsync($"/v1/payment_methods/{card.Id}", "card[exp_month]=13")).Refused(402, "invalid_expiry_month", "exp_month");
        Assert.Equal("Ada", (await _api.GetAsync($"/v1/payment_methods/{card.Id}")).Ok()["billing_details.name"]);
        Assert.Contains("payment_method.updated", await _api.EventTypesAsync());
    }

    [Fact]
    public async Task A_deleted_customer_is_a_name_without_cards()
    {
        var ada = await _api.CustomerAsync();
        await _api.PostAsync("/v1/payment_methods/pm_card_visa/attach", $"customer={ada}");
        (await _api.DeleteAsync($"/v1/customers/{ada}")).Ok();
        var left = (await _api.GetAsync($"/v1/customers/{ada}")).Ok();
        Assert.Equal("""{"id":"%","object":"customer","deleted":true}""".Replace("%", ada, StringComparison.Ordinal), left.Json.ToJsonString());
        (await _api.PostAsync($"/v1/customers/{ada}", "name=x")).Refused(404, "resource_missing");
        (await _api.PostAsync("/v1/payment_methods/pm_card_visa/attach", $"customer={ada}")).Refused(404, "resource_missing");
        Assert.Empty((await _api.GetAsync("/v1/customers")).Ok().Data);
        Assert.Equal(["customer.created", "payment_method.attached", "payment_method.detached", "customer.deleted"], await _api.EventTypesAsync());
    }

    [Fact]
    public async Task Metadata_is_merged_and_unset_by_empty_values()
    {
        var ada = await _api.CustomerAsync("&metadata[a]=1&metadata[b]=2&name=Ada");
        var merged = (await _api.PostAsync($"/v1/customers/{ada}", "metadata[a]=&metadata[c]=3&name=")).Ok();
        Assert.Equal("""{"b":"2","c":"3"}""", merged.At("metadata")!.ToJsonString());
        Assert.Null(merged["name"]);
        Assert.Equal("{}", (await _api.PostAsync($"/v1/customers/{ada}", "metadata=")).Ok().At("metadata")!.ToJsonString());
    }

    [Fact]
    public async Task Raw_numbers_from_a_server_are_refused_unless_allowed()
    {
        await using var strict = await Tracepipe.StripeSandbox.SandboxServer.StartAsync(new Tracepipe.StripeSandbox.SandboxOptions { StrictResponses = true }, TimeProvider.System);
        var api = new SandboxClient(strict.Url);
        (await api.PostAsync("/v1/payment_methods", "type=card&card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2040")).Refused(400, null, "card[number]");
        (await api.TypeCardAsync("4242424242424242")).Ok();
    }

    [Fact]
    public async Task Link_is_a_second_way_to_pay()
    {
        var ada = await _api.CustomerAsync();
        var link = (await _api.PostAsync("/v1/payment_methods", "type=link&billing_details[email]=ada@example.com")).Ok();
        Assert.Equal("ada@example.com", (await _api.PostAsync($"/v1/payment_methods/{link.Id}/attach", $"customer={ada}")).Ok()["link.email"]);
        Assert.Single((await _api.GetAsync($"/v1/customers/{ada}/payment_methods?type=link")).Ok().Data);
        Assert.Empty((await _api.GetAsync($"/v1/customers/{ada}/payment_methods?type=card")).Ok().Data);
    }
}
