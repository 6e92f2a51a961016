using Microsoft.Extensions.Options;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>With <c>Keys:RequirePaymentMethod</c> a card comes before the first key.</summary>
internal static class CardBeforeKey
{
    public static async Task CheckAsync(KeyWanted wanted, Transaction transaction, IServiceProvider services, CancellationToken cancel)
    {
        if (!services.GetRequiredService<IOptions<KeysOptions>>().Value.RequirePaymentMethod) return;
        var hasMethod = await transaction.FirstAsync($"select true from payment_methods where organization_id = {wanted.OrganizationId} and detached_at is null limit 1", r => r.GetBoolean(0), cancel);
        if (!hasMethod) wanted.Refuse(Problem.PaymentRequired("no_payment_method", "A key needs a payment method first: add a card under Payment methods. Nothing is charged for adding it."));
    }
}
