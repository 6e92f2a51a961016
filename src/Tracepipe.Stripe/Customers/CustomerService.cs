namespace Tracepipe.Stripe;

/// <summary>Calls on customers.</summary>
public sealed class CustomerService
{
    private const string Path = "/v1/customers";
    private readonly StripeTransport stripe;

    internal CustomerService(StripeTransport stripe) => this.stripe = stripe;

    public Task<Customer> CreateAsync(CustomerCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Customer>(Path, parameters, options, cancel);

    /// <summary>Also answers for a deleted customer.</summary>
    public Task<Customer> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<Customer>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    public Task<Customer> UpdateAsync(string id, CustomerUpdateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Customer>($"{Path}/{StripePath.Segment(id)}", parameters, options, cancel);

    /// <summary>For ever. Cancels the customer's subscriptions at once.</summary>
    public Task<DeletedObject> DeleteAsync(string id, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.DeleteAsync<DeletedObject>($"{Path}/{StripePath.Segment(id)}", query: null, options, cancel);

    public Task<StripeList<Customer>> ListAsync(CustomerListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<Customer>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<Customer> ListAutoPagingAsync(CustomerListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<Customer>(Path, parameters, options, cancel);

    /// <summary>What the customer can pay with, of every type, newest first.</summary>
    public Task<StripeList<PaymentMethod>> ListPaymentMethodsAsync(string id, CustomerPaymentMethodListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<PaymentMethod>>($"{Path}/{StripePath.Segment(id)}/payment_methods", parameters, options, cancel);

    /// <inheritdoc cref="ListPaymentMethodsAsync"/>
    public IAsyncEnumerable<PaymentMethod> ListPaymentMethodsAutoPagingAsync(string id, CustomerPaymentMethodListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<PaymentMethod>($"{Path}/{StripePath.Segment(id)}/payment_methods", parameters, options, cancel);

    /// <summary>Not found when the payment method is not this customer's.</summary>
    public Task<PaymentMethod> GetPaymentMethodAsync(string id, string paymentMethod, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<PaymentMethod>($"{Path}/{StripePath.Segment(id)}/payment_methods/{StripePath.Segment(paymentMethod)}", new ExpandParams { Expand = expand }, options, cancel);
}

public sealed record CustomerCreateParams : StripeParams
{
    public string? Email { get; init; }

    public string? Name { get; init; }

    public string? Description { get; init; }

    public string? Phone { get; init; }

    public Clearable<AddressParams>? Address { get; init; }

    /// <summary>Attached to the customer, but made its default only through <see cref="InvoiceSettings"/>.</summary>
    public string? PaymentMethod { get; init; }

    public CustomerInvoiceSettingsParams? InvoiceSettings { get; init; }

    /// <summary>One of <see cref="TaxExemptions"/>.</summary>
    public string? TaxExempt { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>A customer can be put on a test clock only here.</summary>
    public string? TestClock { get; init; }
}

public sealed record CustomerUpdateParams : StripeParams
{
    public string? Email { get; init; }

    public string? Name { get; init; }

    public string? Description { get; init; }

    public string? Phone { get; init; }

    public Clearable<AddressParams>? Address { get; init; }

    public CustomerInvoiceSettingsParams? InvoiceSettings { get; init; }

    /// <summary>One of <see cref="TaxExemptions"/>.</summary>
    public string? TaxExempt { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record CustomerInvoiceSettingsParams
{
    /// <summary>A payment method attached to the customer; empty for none.</summary>
    public string? DefaultPaymentMethod { get; init; }

    public string? Footer { get; init; }
}

public sealed record AddressParams : Confidential
{
    public string? Line1 { get; init; }

    public string? Line2 { get; init; }

    public string? City { get; init; }

    public string? State { get; init; }

    public string? PostalCode { get; init; }

    /// <summary>Two letters, ISO 3166-1.</summary>
    public string? Country { get; init; }
}

public sealed record CustomerListParams : ListParams
{
    public TimeRange? Created { get; init; }

    /// <summary>Exactly this address, in this case.</summary>
    public string? Email { get; init; }

    public string? TestClock { get; init; }
}

public sealed record CustomerPaymentMethodListParams : ListParams
{
    /// <summary>Of one type, such as <c>card</c>; all when null.</summary>
    public string? Type { get; init; }
}
