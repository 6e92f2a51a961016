using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>Money back: never more than was charged. Some test cards take their time or fail afterwards.</summary>
internal static class Refunds
{
    public const string Kind = "refund";
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(3);

    public static Doc Make(UnitOfWork work, Doc charge, long? wanted, string? reason)
    {
        if (charge.Status != "succeeded") throw StripeError.Invalid("Only a charge that succeeded can be refunded.", "charge", "charge_not_refundable");
        if (charge.Flag("disputed")) throw StripeError.Invalid("A disputed charge cannot be refunded: the money is with the bank.", "charge", "charge_disputed");
        var left = charge.Long("amount") - charge.Long("amount_refunded");
        if (left == 0) throw StripeError.Invalid("The charge has been refunded already.", "charge", "charge_already_refunded");
        var amount = wanted ?? left;
        if (amount <= 0) throw StripeError.Invalid("A refund must be greater than nothing.", "amount", "parameter_invalid_integer");
        if (amount > left) throw StripeError.Invalid($"Only {left} of this charge is left to refund.", "amount", "charge_already_refunded");
        var behaviour = Cards.Behaviour(work.Get(PaymentMethods.Kind, charge["payment_method"]!));
        var refund = work.New(Kind, work.NewId("re_"), charge.Id);
        refund.Set("created", Clocks.NowUnix(work, charge.Customer));
        refund.Set("amount", amount);
        refund["balance_transaction"] = work.NewId("txn_");
        refund["charge"] = charge.Id;
        refund["currency"] = charge["currency"];
        refund["customer"] = charge.Customer;
        refund.Set("destination_details", new JsonObject { ["card"] = new JsonObject { ["reference_status"] = "pending", ["reference_type"] = "acquirer_reference_number", ["type"] = "refund" }, ["type"] = "card" });
        refund["payment_intent"] = charge["payment_intent"];
        refund["payment_method"] = charge["payment_method"];
        refund["reason"] = reason;
        refund.Status = behaviour.RefundWaits ? "pending" : "succeeded";
        if (behaviour.RefundWaits) refund["pending_reason"] = "processing";
        if (behaviour.RefundWaits || behaviour.RefundFails) Agenda.Set(work, refund, (Clocks.Now(work, charge.Customer) + Tick).ToUnixTimeSeconds());
        refund.Hidden.Set("fails", behaviour.RefundFails);
        charge.Set("amount_refunded", charge.Long("amount_refunded") + amount);
        charge.Set("refunded", charge.Long("amount_refunded") == charge.Long("amount"));
        return refund;
    }

    public static void Announce(UnitOfWork work, Doc refund)
    {
        work.Emit("refund.created", refund);
        work.EmitUpdated("charge.refunded", work.Get(Charges.Kind, refund["charge"]!));
    }

    /// <summary>The bank's late answer.</summary>
    public static void Due(UnitOfWork work, Doc refund)
    {
        Agenda.Set(work, refund, null);
        if (!refund.Hidden.Flag("fails"))
        {
            refund.Remove("pending_reason");
            refund.Status = "succeeded";
            work.EmitUpdated("refund.updated", refund);
            return;
        }
        var charge = work.Get(Charges.Kind, refund["charge"]!);
        refund.Status = "failed";
        refund["failure_reason"] = "expired_or_canceled_card";
        refund["failure_balance_transaction"] = work.NewId("txn_");
        charge.Set("amount_refunded", charge.Long("amount_refunded") - refund.Long("amount"));
        charge.Set("refunded", false);
        work.EmitUpdated("refund.updated", refund);
        work.Emit("refund.failed", refund);
        work.EmitUpdated("charge.updated", charge);
    }
}
