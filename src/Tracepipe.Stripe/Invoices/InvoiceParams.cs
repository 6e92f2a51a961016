namespace Tracepipe.Stripe;

public sealed record InvoiceCreateParams : StripeParams
{
    public string? Customer { get; init; }

    public string? Subscription { get; init; }

    /// <summary>Our own; Stripe gives one when finalizing otherwise.</summary>
    public string? Number { get; init; }

    public string? Currency { get; init; }

    /// <summary>Whether Stripe moves it on by itself; false when null.</summary>
    public bool? AutoAdvance { get; init; }

    public string? CollectionMethod { get; init; }

    /// <summary><c>include</c> takes the customer's pending items; <c>exclude</c> is the default.</summary>
    public string? PendingInvoiceItemsBehavior { get; init; }

    public int? DaysUntilDue { get; init; }

    public DateTimeOffset? DueDate { get; init; }

    public DateTimeOffset? EffectiveAt { get; init; }

    public string? DefaultPaymentMethod { get; init; }

    public IReadOnlyList<DiscountParams>? Discounts { get; init; }

    public AutomaticTaxParams? AutomaticTax { get; init; }

    /// <summary>Four at most.</summary>
    public IReadOnlyList<InvoiceCustomFieldParams>? CustomFields { get; init; }

    public string? Description { get; init; }

    public string? Footer { get; init; }

    public string? StatementDescriptor { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record InvoiceCustomFieldParams
{
    public required string Name { get; init; }

    public required string Value { get; init; }
}

public sealed record InvoiceUpdateParams : StripeParams
{
    public string? Number { get; init; }

    public bool? AutoAdvance { get; init; }

    public string? CollectionMethod { get; init; }

    public int? DaysUntilDue { get; init; }

    public DateTimeOffset? DueDate { get; init; }

    public string? DefaultPaymentMethod { get; init; }

    public string? Description { get; init; }

    public string? Footer { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record InvoiceFinalizeParams : StripeParams
{
    public bool? AutoAdvance { get; init; }
}

public sealed record InvoicePayParams : StripeParams
{
    public string? PaymentMethod { get; init; }

    /// <summary>True when null: send false while the customer is there to authenticate.</summary>
    public bool? OffSession { get; init; }

    /// <summary>Marks it paid without charging.</summary>
    public bool? PaidOutOfBand { get; init; }
}

public sealed record InvoiceListParams : ListParams
{
    public string? Customer { get; init; }

    public string? Subscription { get; init; }

    /// <summary>One of <see cref="InvoiceStatus"/>.</summary>
    public string? Status { get; init; }

    public string? CollectionMethod { get; init; }

    public TimeRange? Created { get; init; }

    public TimeRange? DueDate { get; init; }
}

public sealed record InvoiceLineListParams : ListParams;

public sealed record InvoiceCreatePreviewParams : StripeParams
{
    public string? Customer { get; init; }

    /// <summary>Of a change of this one.</summary>
    public string? Subscription { get; init; }

    public string? Schedule { get; init; }

    public string? Currency { get; init; }

    public IReadOnlyList<DiscountParams>? Discounts { get; init; }

    public AutomaticTaxParams? AutomaticTax { get; init; }

    public PreviewSubscriptionDetailsParams? SubscriptionDetails { get; init; }
}

public sealed record PreviewSubscriptionDetailsParams
{
    public IReadOnlyList<SubscriptionItemChangeParams>? Items { get; init; }

    /// <summary>One of <see cref="ProrationBehaviors"/>.</summary>
    public string? ProrationBehavior { get; init; }

    /// <summary>Keep it and send it with the change.</summary>
    public DateTimeOffset? ProrationDate { get; init; }

    public BillingModeParams? BillingMode { get; init; }

    public bool? CancelAtPeriodEnd { get; init; }

    public bool? CancelNow { get; init; }
}
