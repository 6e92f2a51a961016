namespace Tracepipe.Stripe;

/// <summary>The events a webhook endpoint of ours subscribes to.</summary>
public static class EventTypes
{
    public const string CheckoutSessionCompleted = "checkout.session.completed";
    public const string CheckoutSessionExpired = "checkout.session.expired";
    public const string CheckoutSessionAsyncPaymentSucceeded = "checkout.session.async_payment_succeeded";
    public const string CheckoutSessionAsyncPaymentFailed = "checkout.session.async_payment_failed";
    public const string CustomerUpdated = "customer.updated";
    public const string CustomerDeleted = "customer.deleted";
    public const string CustomerSubscriptionCreated = "customer.subscription.created";
    public const string CustomerSubscriptionUpdated = "customer.subscription.updated";
    public const string CustomerSubscriptionDeleted = "customer.subscription.deleted";
    public const string CustomerSubscriptionTrialWillEnd = "customer.subscription.trial_will_end";
    public const string CustomerSubscriptionPaused = "customer.subscription.paused";
    public const string CustomerSubscriptionResumed = "customer.subscription.resumed";
    public const string CustomerSubscriptionPendingUpdateApplied = "customer.subscription.pending_update_applied";
    public const string CustomerSubscriptionPendingUpdateExpired = "customer.subscription.pending_update_expired";
    public const string SetupIntentSucceeded = "setup_intent.succeeded";
    public const string SetupIntentSetupFailed = "setup_intent.setup_failed";
    public const string PaymentMethodAttached = "payment_method.attached";
    public const string PaymentMethodDetached = "payment_method.detached";
    public const string PaymentMethodUpdated = "payment_method.updated";
    public const string PaymentMethodAutomaticallyUpdated = "payment_method.automatically_updated";
    public const string InvoiceCreated = "invoice.created";
    public const string InvoiceFinalized = "invoice.finalized";
    public const string InvoiceFinalizationFailed = "invoice.finalization_failed";
    public const string InvoiceUpdated = "invoice.updated";
    public const string InvoicePaid = "invoice.paid";
    public const string InvoicePaymentFailed = "invoice.payment_failed";
    public const string InvoicePaymentActionRequired = "invoice.payment_action_required";
    public const string InvoiceUpcoming = "invoice.upcoming";
    public const string InvoiceVoided = "invoice.voided";
    public const string InvoiceMarkedUncollectible = "invoice.marked_uncollectible";
    public const string ChargeRefunded = "charge.refunded";
    public const string RefundCreated = "refund.created";
    public const string RefundUpdated = "refund.updated";
    public const string RefundFailed = "refund.failed";
    public const string ChargeDisputeCreated = "charge.dispute.created";
    public const string CreditNoteCreated = "credit_note.created";

    /// <summary>All of the above, for <see cref="WebhookEndpointCreateParams.EnabledEvents"/>.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        CheckoutSessionCompleted, CheckoutSessionExpired, CheckoutSessionAsyncPaymentSucceeded, CheckoutSessionAsyncPaymentFailed,
        CustomerUpdated, CustomerDeleted,
        CustomerSubscriptionCreated, CustomerSubscriptionUpdated, CustomerSubscriptionDeleted, CustomerSubscriptionTrialWillEnd,
        CustomerSubscriptionPaused, CustomerSubscriptionResumed, CustomerSubscriptionPendingUpdateApplied, CustomerSubscriptionPendingUpdateExpired,
        SetupIntentSucceeded, SetupIntentSetupFailed,
        PaymentMethodAttached, PaymentMethodDetached, PaymentMethodUpdated, PaymentMethodAutomaticallyUpdated,
        InvoiceCreated, InvoiceFinalized, InvoiceFinalizationFailed, InvoiceUpdated, InvoicePaid, InvoicePaymentFailed,
        InvoicePaymentActionRequired, InvoiceUpcoming, InvoiceVoided, InvoiceMarkedUncollectible,
        ChargeRefunded, RefundCreated, RefundUpdated, RefundFailed, ChargeDisputeCreated, CreditNoteCreated,
    ];
}
