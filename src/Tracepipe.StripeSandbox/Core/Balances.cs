namespace Tracepipe.StripeSandbox.Core;

/// <summary>The customer's balance: credit is negative. Every movement leaves a transaction.</summary>
internal static class Balances
{
    public const string Kind = "customer_balance_transaction";

    public static Doc? Move(UnitOfWork work, Doc customer, long amount, string type, string currency, string? invoice = null, string? creditNote = null)
    {
        if (amount == 0) return null;
        customer.Set("balance", customer.Long("balance") + amount);
        customer["currency"] ??= currency;
        var moved = work.New(Kind, work.NewId("cbtxn_"));
        moved.Set("created", Clocks.NowUnix(work, customer.Id));
        moved.Set("amount", amount);
        moved["currency"] = currency;
        moved["customer"] = customer.Id;
        moved.Set("ending_balance", customer.Long("balance"));
        moved["invoice"] = invoice;
        moved["credit_note"] = creditNote;
        moved["type"] = type;
        work.EmitUpdated("customer.updated", customer);
        return moved;
    }
}
