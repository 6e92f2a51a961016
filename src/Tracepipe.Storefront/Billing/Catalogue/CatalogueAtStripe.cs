using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// Makes Stripe have what the catalogue sells: a product and a price per tier, a meter per meter, the portal's configuration, the webhook endpoint. Looks
/// first and makes only what is missing or different, so that running it again does nothing, and running it with other keys fills another account.
/// </summary>
internal sealed class CatalogueAtStripe(Database database, Catalogs catalogs, StripeConnection stripe, IConfiguration configuration, TimeProvider clock)
{
    private const string Tag = "tracepipe";

    /// <summary>Says what <see cref="ApplyAsync"/> would do and changes nothing, here or there.</summary>
    public async Task<CatalogueReport> CompareAsync(bool withWebhook, CancellationToken cancel)
    {
        var prices = catalogs.File().Prices;
        var isNew = await catalogs.IsFileNewAsync(cancel);
        var number = catalogs.Current.Number + (isNew ? 1 : 0);
        var look = await LookAsync(prices, number, withWebhook, cancel);
        return new CatalogueReport(number, isNew, [.. look.Changes.Select(c => c.What)], look.Notes);
    }

    /// <summary>Publishes the file and makes Stripe agree with it. The version counts only when everything that sells it exists.</summary>
    public async Task<CatalogueReport> ApplyAsync(bool withWebhook, CancellationToken cancel)
    {
        await using var transaction = await database.BeginWorkAsync(cancel);
        var (number, isNew) = await catalogs.PublishAsync(transaction, cancel); // takes the lock under which two applications follow each other
        var prices = catalogs.File().Prices;
        var look = await LookAsync(prices, number, withWebhook, cancel);
        var lines = new List<string>();
        foreach (var change in look.Changes)
        {
            var learned = await change.DoAsync(cancel);
            lines.Add(change.What);
            if (learned is not null) lines.Add(learned);
        }
        var now = clock.GetUtcNow();
        foreach (var (tier, price) in look.PriceIds) await StripeCatalog.WritePriceAsync(number, tier, price, now, transaction, cancel);
        foreach (var (kind, name, id) in look.Objects) await StripeCatalog.WriteObjectAsync(kind, name, id, now, transaction, cancel);
        await transaction.CommitAsync(cancel);
        await catalogs.ReadAsync(cancel);
        return new CatalogueReport(number, isNew, lines, look.Notes);
    }

    /// <summary>What was found, what is to be done, and, once that is done, the ids.</summary>
    private sealed class Look
    {
        public List<CatalogueChange> Changes { get; } = [];

        public List<string> Notes { get; } = [];

        public Dictionary<string, string> PriceIds { get; } = new(StringComparer.Ordinal);

        public List<(string Kind, string Name, string Id)> Objects { get; } = [];
    }

    private async Task<Look> LookAsync(PriceList prices, int version, bool withWebhook, CancellationToken cancel)
    {
        if (!stripe.IsConfigured) throw new StartupException("Payments are switched off here: set STRIPE_SECRET_KEY and remove Stripe__Disabled.");
        var look = new Look();
        try
        {
            await LookAtTiersAsync(look, prices, version, cancel);
            await LookAtMetersAsync(look, prices, version, cancel);
            await LookAtPortalAsync(look, version, cancel);
            if (withWebhook) await LookAtWebhookAsync(look, cancel);
        }
        catch (StripeException failure)
        {
            throw new StartupException($"Stripe did not tell what it has ({failure.Kind} {failure.Code}): {failure.Message}", failure);
        }
        return look;
    }

    private async Task LookAtTiersAsync(Look look, PriceList list, int version, CancellationToken cancel)
    {
        var sold = list.Tiers.Where(t => t.LookupKey is not null).ToList();
        var products = await ListAsync(stripe.Client.Products.ListAutoPagingAsync(new ProductListParams { Ids = [.. sold.Select(ProductId)], Limit = 100 }, Patience.OfWorker.Read, cancel));
        foreach (var tier in sold)
        {
            var id = ProductId(tier);
            var name = tier.Name;
            var found = products.FirstOrDefault(p => string.Equals(p.Id, id, StringComparison.Ordinal));
            if (found is null)
            {
                look.Changes.Add(new($"create product {id} “{name}”", async c =>
                {
                    await stripe.Client.Products.CreateAsync(new ProductCreateParams { Id = id, Name = name, Metadata = Of("tier", tier.Key) }, Write(version, id), c);
                    return null;
                }));
            }
            else if (!found.Active || !string.Equals(found.Name, name, StringComparison.Ordinal))
            {
                look.Changes.Add(new($"change product {id}: “{found.Name}” → “{name}”{(found.Active ? "" : ", active again")}", async c =>
                {
                    await stripe.Client.Products.UpdateAsync(id, new ProductUpdateParams { Name = name, Active = true }, Write(version, $"{id}:update:{name}"), c);
                    return null;
                }));
            }
            look.Objects.Add(("product", tier.Key, id));
        }

        foreach (var keys in sold.Chunk(10)) // Stripe takes ten lookup keys a question
        {
            var found = await ListAsync(stripe.Client.Prices.ListAutoPagingAsync(new PriceListParams { LookupKeys = [.. keys.Select(t => t.LookupKey!)], Limit = 100 }, Patience.OfWorker.Read, cancel));
            foreach (var tier in keys) LookAtPrice(look, tier, list.Currency, found.FirstOrDefault(p => string.Equals(p.LookupKey, tier.LookupKey, StringComparison.Ordinal)), version);
        }
    }

    private void LookAtPrice(Look look, Tier tier, string currency, Price? found, int version)
    {
        if (found is { Active: true } && Sells(found, tier, currency)) { look.PriceIds[tier.Key] = found.Id; return; }
        var amount = tier.Price(currency).ToString() + (tier.Sold is Sold.Monthly ? " a month" : " once");
        var was = found is null ? "" : $", instead of {new Money(found.UnitAmount ?? 0, found.Currency.ToUpperInvariant())}; whoever pays that goes on";
        look.Changes.Add(new($"create price {tier.LookupKey}: {amount}{was}", async cancel =>
        {
            var made = await stripe.Client.Prices.CreateAsync(new PriceCreateParams
            {
                Product = ProductId(tier),
                Currency = currency.ToLowerInvariant(),
                UnitAmount = tier.PriceCents,
                Recurring = tier.Sold is Sold.Monthly ? new PriceRecurringParams { Interval = "month" } : null,
                LookupKey = tier.LookupKey,
                TransferLookupKey = true,
                Nickname = tier.Name,
                Metadata = new Dictionary<string, string>(Of("tier", tier.Key), StringComparer.Ordinal) { ["catalog_version"] = version.ToString() },
            }, Write(version, $"price:{tier.LookupKey}:{tier.PriceCents}:{found?.Id}"), cancel);
            look.PriceIds[tier.Key] = made.Id;
            return null;
        }));
    }

    private static bool Sells(Price price, Tier tier, string currency) => price.UnitAmount == tier.PriceCents
        && string.Equals(price.Currency, currency, StringComparison.OrdinalIgnoreCase)
        && string.Equals(price.Product.Id, ProductId(tier), StringComparison.Ordinal)
        && (tier.Sold is Sold.Monthly ? price.Recurring is { Interval: "month", IntervalCount: 1, UsageType: "licensed" } : price.Recurring is null);

    private async Task LookAtMetersAsync(Look look, PriceList list, int version, CancellationToken cancel)
    {
        var found = await ListAsync(stripe.Client.Meters.ListAutoPagingAsync(new MeterListParams { Status = "active", Limit = 100 }, Patience.OfWorker.Read, cancel));
        // Counted there, never billed from there: no price hangs on them.
        foreach (var meter in list.Meters.Where(m => m.Kind is not MeterKind.Free))
        {
            var name = StripeCatalog.MeterEventName(meter.Key);
            if (found.FirstOrDefault(m => string.Equals(m.EventName, name, StringComparison.Ordinal)) is not { } there)
            {
                look.Changes.Add(new($"create meter {name} “{meter.Name}”", async c =>
                {
                    var made = await stripe.Client.Meters.CreateAsync(new MeterCreateParams
                    {
                        DisplayName = meter.Name,
                        EventName = name,
                        DefaultAggregation = new MeterAggregationParams { Formula = "sum" },
                        CustomerMapping = new MeterCustomerMappingParams { Type = "by_id", EventPayloadKey = "stripe_customer_id" },
                        ValueSettings = new MeterValueSettingsParams { EventPayloadKey = "value" },
                    }, Write(version, $"meter:{name}"), c);
                    look.Objects.Add(("meter", meter.Key, made.Id));
                    return null;
                }));
                continue;
            }
            look.Objects.Add(("meter", meter.Key, there.Id));
            if (string.Equals(there.DisplayName, meter.Name, StringComparison.Ordinal)) continue;
            look.Changes.Add(new($"rename meter {name}: “{there.DisplayName}” → “{meter.Name}”", async c =>
            {
                await stripe.Client.Meters.UpdateAsync(there.Id, new MeterUpdateParams { DisplayName = meter.Name }, Write(version, $"meter:{name}:{meter.Name}"), c);
                return null;
            }));
        }
    }

    private async Task LookAtPortalAsync(Look look, int version, CancellationToken cancel)
    {
        var all = await ListAsync(stripe.Client.BillingPortalConfigurations.ListAutoPagingAsync(new BillingPortalConfigurationListParams { Active = true, Limit = 100 }, Patience.OfWorker.Read, cancel));
        var found = all.FirstOrDefault(c => c.Metadata is { } m && m.TryGetValue(Tag, out var mark) && mark is "portal");
        var back = PublicBase is { } own ? own + "/settings/billing" : null;
        if (found is null)
        {
            look.Changes.Add(new("create portal configuration: cards, invoices, details, cancellation at period end", async c =>
            {
                var made = await stripe.Client.BillingPortalConfigurations.CreateAsync(new BillingPortalConfigurationCreateParams
                {
                    Features = PortalFeatures,
                    DefaultReturnUrl = back,
                    Metadata = new Dictionary<string, string>(StringComparer.Ordinal) { [Tag] = "portal" },
                }, Write(version, $"portal:{back}"), c);
                look.Objects.Add(("portal", "default", made.Id));
                return null;
            }));
            return;
        }
        look.Objects.Add(("portal", "default", found.Id));
        if (IsAsWanted(found.Features) && (back is null || string.Equals(found.DefaultReturnUrl, back, StringComparison.Ordinal))) return;
        look.Changes.Add(new($"change portal configuration {found.Id}: cards, invoices, details, cancellation at period end", async c =>
        {
            await stripe.Client.BillingPortalConfigurations.UpdateAsync(found.Id, new BillingPortalConfigurationUpdateParams { Features = PortalFeatures, DefaultReturnUrl = back },
                Write(version, $"portal:{found.Id}:{found.Updated.ToUnixTimeSeconds()}"), c);
            return null;
        }));
    }

    // Changing the plan there is off: it would go past the preview and our rules (billing rules, decision 17).
    private static PortalFeaturesParams PortalFeatures => new()
    {
        CustomerUpdate = new PortalCustomerUpdateParams { Enabled = true, AllowedUpdates = CustomerUpdates },
        InvoiceHistory = new PortalFeatureParams { Enabled = true },
        PaymentMethodUpdate = new PortalFeatureParams { Enabled = true },
        SubscriptionCancel = new PortalSubscriptionCancelParams { Enabled = true, Mode = "at_period_end", ProrationBehavior = "none" },
        SubscriptionUpdate = new PortalSubscriptionUpdateParams { Enabled = false },
    };

    private static IReadOnlyList<string> CustomerUpdates { get; } = ["name", "email", "address", "tax_id"];

    private static bool IsAsWanted(PortalFeatures features) => features is
    {
        CustomerUpdate: { Enabled: true, AllowedUpdates: var allowed },
        InvoiceHistory.Enabled: true,
        PaymentMethodUpdate.Enabled: true,
        SubscriptionCancel: { Enabled: true, Mode: "at_period_end" },
        SubscriptionUpdate.Enabled: false,
    } && allowed.Order(StringComparer.Ordinal).SequenceEqual(CustomerUpdates.Order(StringComparer.Ordinal), StringComparer.Ordinal);

    private async Task LookAtWebhookAsync(Look look, CancellationToken cancel)
    {
        if (PublicBase is not { } own)
        {
            look.Notes.Add("No webhook endpoint is looked after: set STRIPE_FRONTEND_URL to the address under which Stripe reaches this installation.");
            return;
        }
        var url = own + "/webhooks/stripe";
        var wanted = EventTypes.All.Order(StringComparer.Ordinal).ToList();
        var all = await ListAsync(stripe.Client.WebhookEndpoints.ListAutoPagingAsync(new WebhookEndpointListParams { Limit = 100 }, Patience.OfWorker.Read, cancel));
        if (all.FirstOrDefault(e => string.Equals(e.Url, url, StringComparison.Ordinal)) is not { } found)
        {
            look.Changes.Add(new($"create webhook endpoint {url}: {wanted.Count} types of events", async c =>
            {
                // The secret is told once: a key of its own for every try, so that a lost answer is not repeated into nothing.
                var made = await stripe.Client.WebhookEndpoints.CreateAsync(new WebhookEndpointCreateParams { Url = url, EnabledEvents = wanted, ApiVersion = stripe.Client.Options.ApiVersion, Description = "Tracepipe" },
                    new RequestOptions { IdempotencyKey = $"catalog:webhook:{Guid.CreateVersion7()}" }, c);
                return $"  STRIPE_WEBHOOK_SECRET={made.Secret}  (told this one time: configure it and start again)";
            }));
            return;
        }
        if (found.ApiVersion is { } other && !string.Equals(other, stripe.Client.Options.ApiVersion, StringComparison.Ordinal))
            look.Notes.Add($"The webhook endpoint {found.Id} speaks {other}, we {stripe.Client.Options.ApiVersion}: events are fetched anew, so it works; to change it, delete the endpoint at Stripe and apply again.");
        var isAll = found.EnabledEvents is ["*"] || wanted.All(t => found.EnabledEvents.Contains(t, StringComparer.Ordinal));
        if (isAll && found.Status is "enabled") return;
        look.Changes.Add(new($"change webhook endpoint {found.Id}: {(isAll ? "enable it again" : $"{wanted.Count} types of events")}", async c =>
        {
            await stripe.Client.WebhookEndpoints.UpdateAsync(found.Id, new WebhookEndpointUpdateParams { EnabledEvents = wanted, Disabled = false }, new RequestOptions { IdempotencyKey = $"catalog:webhook:{Guid.CreateVersion7()}" }, c);
            return null;
        }));
    }

    private string? PublicBase => configuration["Billing:AppUrl"]?.TrimEnd('/') is { Length: > 0 } own ? own : null;

    private static string ProductId(Tier tier) => $"{Tag}_{tier.Key}";

    private static Dictionary<string, string> Of(string name, string value) => new(StringComparer.Ordinal) { [name] = value };

    // The same step of the same version is the same call, also when the first try died before its answer.
    private static RequestOptions Write(int version, string step) => new() { IdempotencyKey = Shorten($"catalog:{version}:{step}"), Timeout = Patience.OfWorker.Timeout };

    private static string Shorten(string key)
    {
        var isPlain = key.Length <= 200 && key.All(c => c is > ' ' and <= '~');
        return isPlain ? key : "catalog:" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(key)));
    }

    private static async Task<List<T>> ListAsync<T>(IAsyncEnumerable<T> pages)
    {
        var all = new List<T>();
        await foreach (var one in pages) all.Add(one);
        return all;
    }
}
