namespace Tracepipe.StripeSandbox.Core;

/// <summary>
/// What time itself does. An object that waits for a moment carries it (<c>due</c>, in seconds of its customer's clock);
/// the agenda takes them in order and lets each do what is due.
/// </summary>
internal static class Agenda
{
    /// <summary>Sets the moment that an object waits for; null when it waits for none.</summary>
    public static void Set(UnitOfWork work, Doc doc, long? due)
    {
        if (due is null)
        {
            doc.Hidden.Remove("due");
            return;
        }
        doc.Hidden.Set("due", due);
        doc.Hidden["clock"] = Clocks.Of(work, doc.Customer);
    }

    /// <summary>Does what is due; false when it must wait for the outside world first.</summary>
    public static bool Handle(UnitOfWork work, Doc doc)
    {
        switch (doc.Kind)
        {
            case SubscriptionSchedules.Kind:
                SubscriptionSchedules.Due(work, doc);
                return true;
            case Subscriptions.Kind:
                Renewals.Due(work, doc);
                return true;
            case Invoices.Kind:
                return InvoiceTimers.Due(work, doc);
            case CheckoutSessions.Kind:
                CheckoutSessions.Expire(work, doc);
                return true;
            case Refunds.Kind:
                Refunds.Due(work, doc);
                return true;
            case PendingUpdates.Kind:
                PendingUpdates.Expire(work, doc);
                return true;
            default:
                throw new InvalidOperationException($"A {doc.Kind} waits for nothing.");
        }
    }

    /// <summary>At the same moment a schedule changes the plan first, then the subscription renews, then its invoice goes on.</summary>
    public static int Rank(string kind) => kind switch
    {
        SubscriptionSchedules.Kind => 0,
        Subscriptions.Kind => 1,
        _ => 2,
    };
}
