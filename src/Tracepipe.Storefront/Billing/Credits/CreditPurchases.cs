using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>Prepaid credits between Stripe and the book: what was paid is posted, what went back is taken back. The cause of both is the checkout.</summary>
internal sealed class CreditPurchases(Database database, StripeConnection stripe, Standings standings, TimeProvider clock)
{
    /// <summary>Posts a purchase in the transaction that marks it done. Use that was held back is paid from it first: it was used first.</summary>
    public static async Task PostAsync(CreditsBought bought, Transaction transaction, CancellationToken cancel)
    {
        var cause = new Cause("purchase", bought.CheckoutId.ToString(), Actor.System, bought.At, Memo: "Credits bought");
        if (!await Book.PostPurchaseAsync(bought.OrganizationId, bought.Amount, cause, transaction, cancel)) return;
        await Settlement.PayHeldBackAsync(bought.OrganizationId, fromCardToo: false, bought.At, transaction, cancel);
    }

    /// <summary>What follows when money of a payment went back. Stripe's sum of all refunds counts, in whatever order the events come.</summary>
    /// <exception cref="EventNotReadyException">The purchase itself has not been posted yet.</exception>
    public async Task<EventEffect> AfterRefundAsync(string paymentIntent, CancellationToken cancel)
    {
        var payment = await stripe.Client.PaymentIntents.GetAsync(paymentIntent, ["latest_charge"], Patience.OfWorker.Read, cancel);
        if (payment.LatestCharge?.Value is not { AmountRefunded: > 0 } charge || PlanTag.Read(payment.Metadata).Checkout is not { } checkout || OrganizationTag.Read(payment.Metadata) is not { } organization) return EventHandlers.Nobody;
        Answer<CheckoutRow?>? found = null;
        await database.WorkReadAsync(q => found = q.First(CheckoutRow.Select(organization, checkout), CheckoutRow.Read), cancel);
        if (found!.Value is not { Kind: "credits" } row) return EventHandlers.Nobody;
        if (row.State is not "completed") throw new EventNotReadyException("The purchase that was refunded is not posted yet.");
        if (!string.Equals(row.PaymentIntent, paymentIntent, StringComparison.Ordinal)) return new EventEffect(null, "The refunded payment is not the one that was posted.", IsParked: true);
        var refunded = new Money(charge.AmountRefunded, row.Amount.Currency);
        return new EventEffect(async (transaction, c) =>
        {
            var now = clock.GetUtcNow();
            await standings.LockAsync(organization, transaction, c);
            var back = await Book.RefundAsync(organization, checkout.ToString(), refunded, Actor.System, now, transaction, c);
            if (back.Minor > 0) await Audit.WriteAsync(transaction, new AuditEntry(organization, "credits.refunded", Actor.System, back.ToString()), now, c);
            return true;
        });
    }
}
