namespace Tracepipe.StripeSandbox.Core;

/// <summary>The end of a customer: methods are detached, and only the id stays behind.</summary>
internal static class Customers
{
    public static void Delete(UnitOfWork work, Doc customer)
    {
        foreach (var method in work.OfCustomer(customer.Id, PaymentMethods.Kind)) PaymentMethods.Detach(work, method);
        work.Emit("customer.deleted", customer);
        foreach (var name in customer.Json.Select(m => m.Key).Where(n => n is not ("id" or "object")).ToList()) customer.Remove(name);
        customer.Set("deleted", true);
    }
}
