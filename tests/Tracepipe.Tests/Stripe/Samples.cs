namespace Tracepipe.Tests.Stripe;

/// <summary>Small answers in Stripe's shapes.</summary>
internal static class Samples
{
    public const string Customer = """
        {"id":"cus_1","object":"customer","created":1785585600,"email":"ada@example.com","balance":-250,"livemode":false,
         "invoice_settings":{"default_payment_method":"pm_1","footer":null,"custom_fields":null,"rendering_options":null},
         "metadata":{"org_id":"o1"},"something_new":{"a":1}}
        """;

    public static string SetupIntent(string paymentMethod = "\"pm_1\"") => $$"""
        {"id":"seti_1","object":"setup_intent","livemode":false,"created":1785585600,"status":"succeeded","client_secret":"seti_1_secret_hidden",
         "customer":"cus_1","payment_method":{{paymentMethod}},"usage":"off_session","description":null,"cancellation_reason":null,
         "last_setup_error":null,"latest_attempt":null,"next_action":null,"metadata":{} }
        """;

    public static string PaymentMethod(string id = "pm_1") => $$"""
        {"id":"{{id}}","object":"payment_method","livemode":false,"created":1785585600,"type":"card","customer":"cus_1","metadata":{},
         "billing_details":{"name":null,"email":null,"phone":null,"address":null},
         "card":{"brand":"visa","last4":"4242","exp_month":12,"exp_year":2030,"funding":"credit","country":"US","fingerprint":"f","wallet":null} }
        """;

    public static string Page(bool hasMore, params string[] data) => $$"""{"object":"list","url":"/v1/x","has_more":{{(hasMore ? "true" : "false")}},"data":[{{string.Join(',', data)}}]}""";
}
