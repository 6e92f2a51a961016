using System.Text.Json.Serialization;

namespace Tracepipe.Stripe;

/// <summary>How objects are read and parameters written, generated at build time. Members we do not know are skipped.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    Converters = [typeof(UnixTimeConverter)])]
[JsonSerializable(typeof(StripeErrorBody))]
[JsonSerializable(typeof(DeletedObject))]
[JsonSerializable(typeof(ExpandParams))]
[JsonSerializable(typeof(AddressParams))]
[JsonSerializable(typeof(Customer))]
[JsonSerializable(typeof(StripeList<Customer>))]
[JsonSerializable(typeof(CustomerCreateParams))]
[JsonSerializable(typeof(CustomerUpdateParams))]
[JsonSerializable(typeof(CustomerListParams))]
[JsonSerializable(typeof(CustomerPaymentMethodListParams))]
[JsonSerializable(typeof(SetupIntent))]
[JsonSerializable(typeof(StripeList<SetupIntent>))]
[JsonSerializable(typeof(SetupIntentCreateParams))]
[JsonSerializable(typeof(SetupIntentUpdateParams))]
[JsonSerializable(typeof(SetupIntentConfirmParams))]
[JsonSerializable(typeof(SetupIntentCancelParams))]
[JsonSerializable(typeof(SetupIntentListParams))]
[JsonSerializable(typeof(SetupAttempt))]
[JsonSerializable(typeof(StripeList<SetupAttempt>))]
[JsonSerializable(typeof(SetupAttemptListParams))]
[JsonSerializable(typeof(PaymentMethod))]
[JsonSerializable(typeof(StripeList<PaymentMethod>))]
[JsonSerializable(typeof(PaymentMethodUpdateParams))]
[JsonSerializable(typeof(PaymentMethodAttachParams))]
[JsonSerializable(typeof(PaymentMethodListParams))]
[JsonSerializable(typeof(StripeEvent))]
[JsonSerializable(typeof(StripeList<StripeEvent>))]
[JsonSerializable(typeof(EventListParams))]
[JsonSerializable(typeof(WebhookEndpoint))]
[JsonSerializable(typeof(StripeList<WebhookEndpoint>))]
[JsonSerializable(typeof(WebhookEndpointCreateParams))]
[JsonSerializable(typeof(WebhookEndpointUpdateParams))]
[JsonSerializable(typeof(WebhookEndpointListParams))]
internal sealed partial class StripeJson : JsonSerializerContext;
