using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>What a write about a card names.</summary>
internal sealed record CardRequest(string Customer, string PaymentMethod);

/// <summary>Opens the browser's way to save a card. Whoever began it is gone when a worker finds it, so it is closed again.</summary>
internal sealed class SetupCreation(StripeConnection connection) : StripeWrite
{
    internal sealed record Request(string Customer);

    public override string Kind => "setup_intent.create";

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel) =>
        await stripe.SetupIntents.CreateAsync(new SetupIntentCreateParams
        {
            Customer = operation.RequestAs<Request>().Customer,
            Usage = FutureUsage.OffSession,
            AutomaticPaymentMethods = new AutomaticPaymentMethodsParams { Enabled = true, AllowRedirects = "never" },
            Metadata = new Dictionary<string, string>(OrganizationTag.Of(operation.OrganizationId), StringComparer.Ordinal) { ["operation_id"] = operation.Id.ToString() },
        }, options, cancel);

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var wanted = new SetupIntentListParams { Customer = operation.RequestAs<Request>().Customer, Created = new TimeRange { Gte = operation.CreatedAt.AddMinutes(-10) }, Limit = 100 };
        await foreach (var intent in stripe.SetupIntents.ListAutoPagingAsync(wanted, options, cancel))
            if (intent.Metadata is not null && intent.Metadata.TryGetValue("operation_id", out var id) && string.Equals(id, operation.Id.ToString(), StringComparison.Ordinal)) return intent;
        return null;
    }

    public override async Task ResumedAsync(StripeOperation operation, StripeObject answer, CancellationToken cancel)
    {
        if (answer is SetupIntent { Status: SetupIntentStatus.Succeeded or SetupIntentStatus.Canceled }) return;
        var options = Patience.OfWorker.Write(operation.IdempotencyKey + ":cancel");
        await connection.Client.SetupIntents.CancelAsync(answer.Id, new SetupIntentCancelParams { CancellationReason = "abandoned" }, options, cancel);
    }
}

/// <summary>Puts a payment method on the customer's file.</summary>
internal sealed class CardAttachment(IServiceProvider services) : StripeWrite
{
    public override string Kind => "payment_method.attach";

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<CardRequest>();
        return await stripe.PaymentMethods.AttachAsync(wanted.PaymentMethod, new PaymentMethodAttachParams { Customer = wanted.Customer }, options, cancel);
    }

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<CardRequest>();
        var method = await stripe.PaymentMethods.GetAsync(wanted.PaymentMethod, options: options, cancel: cancel);
        return string.Equals(method.Customer?.Id, wanted.Customer, StringComparison.Ordinal) ? method : null;
    }

    public override Task ResumedAsync(StripeOperation operation, StripeObject answer, CancellationToken cancel) => CardResync.AfterAsync(operation, services, cancel);
}

/// <summary>Makes a payment method the one that pays for what names none.</summary>
internal sealed class DefaultChoice(Database database, IServiceProvider services) : StripeWrite
{
    public override string Kind => "customer.default";

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<CardRequest>();
        var choice = new CustomerInvoiceSettingsParams { DefaultPaymentMethod = wanted.PaymentMethod };
        return await stripe.Customers.UpdateAsync(wanted.Customer, new CustomerUpdateParams { InvoiceSettings = choice }, options, cancel);
    }

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<CardRequest>();
        var customer = await stripe.Customers.GetAsync(wanted.Customer, options: options, cancel: cancel);
        return string.Equals(customer.DefaultPaymentMethod?.Id, wanted.PaymentMethod, StringComparison.Ordinal) ? customer : null;
    }

    // Sent late, an old choice would undo a newer one.
    public override async Task<bool> IsStillWantedAsync(StripeOperation operation, CancellationToken cancel)
    {
        Answer<bool>? isNewest = null;
        await database.WorkReadAsync(q => isNewest = q.First($"""
            select not exists (select 1 from stripe_operations where organization_id = {operation.OrganizationId} and kind = {Kind} and created_at > {operation.CreatedAt} and state <> 'failed')
            """, r => r.GetBoolean(0)), cancel);
        return isNewest!.Value;
    }

    public override Task ResumedAsync(StripeOperation operation, StripeObject answer, CancellationToken cancel) => CardResync.AfterAsync(operation, services, cancel);
}

/// <summary>A card's new expiry, as its owner reads it from the card.</summary>
internal sealed record ExpiryRequest(string Customer, string PaymentMethod, int Month, int Year);

/// <summary>Writes another expiry to a card: banks send a new plastic with the same number.</summary>
internal sealed class ExpiryChange(IServiceProvider services) : StripeWrite
{
    public override string Kind => "payment_method.expiry";

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<ExpiryRequest>();
        var card = new PaymentMethodCardUpdateParams { ExpMonth = wanted.Month, ExpYear = wanted.Year };
        return await stripe.PaymentMethods.UpdateAsync(wanted.PaymentMethod, new PaymentMethodUpdateParams { Card = card }, options, cancel);
    }

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<ExpiryRequest>();
        var method = await stripe.PaymentMethods.GetAsync(wanted.PaymentMethod, options: options, cancel: cancel);
        return method.Card is { } card && card.ExpMonth == wanted.Month && card.ExpYear == wanted.Year ? method : null;
    }

    public override Task ResumedAsync(StripeOperation operation, StripeObject answer, CancellationToken cancel) => CardResync.AfterAsync(operation, services, cancel);
}

/// <summary>Takes a payment method off the customer's file, for ever.</summary>
internal sealed class CardDetachment(IServiceProvider services) : StripeWrite
{
    public override string Kind => "payment_method.detach";

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel)
    {
        try
        {
            return await stripe.PaymentMethods.DetachAsync(operation.RequestAs<CardRequest>().PaymentMethod, options, cancel);
        }
        catch (StripeException refused) when (refused.Kind == StripeErrorKind.InvalidRequest)
        {
            // Somebody was faster, in the portal or on Stripe's dashboard: that is what was wanted.
            if (await LookAsync(stripe, operation, new ReadOptions { Timeout = options.Timeout, MaxRetries = options.MaxRetries }, cancel) is { } gone) return gone;
            throw;
        }
    }

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var method = await stripe.PaymentMethods.GetAsync(operation.RequestAs<CardRequest>().PaymentMethod, options: options, cancel: cancel);
        return method.Customer is null ? method : null;
    }

    public override Task SettleAsync(StripeOperation operation, StripeObject answer, Transaction transaction, DateTimeOffset now, CancellationToken cancel) =>
        CardProjection.DetachedAsync(operation.OrganizationId, answer.Id, transaction, now, cancel);

    public override Task ResumedAsync(StripeOperation operation, StripeObject answer, CancellationToken cancel) => CardResync.AfterAsync(operation, services, cancel);
}

/// <summary>After a write that nobody waits for any more: shows what Stripe has now.</summary>
internal static class CardResync
{
    public static Task AfterAsync(StripeOperation operation, IServiceProvider services, CancellationToken cancel) =>
        services.GetRequiredService<CardProjection>().SyncAsync(operation.OrganizationId, operation.By, Patience.OfWorker, cancel);
}
