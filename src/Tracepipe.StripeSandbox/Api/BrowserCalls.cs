using System.Collections.Frozen;
using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Spec;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>
/// What a browser may call with the publishable key: its own intent, by client secret, and a new payment method.
/// It may type a card, and it sees less: no customer, no metadata.
/// </summary>
internal static class BrowserCalls
{
    private static readonly FrozenSet<string> Allowed = FrozenSet.Create(
        "POST /v1/payment_methods",
        "GET /v1/setup_intents/{intent}",
        "POST /v1/setup_intents/{intent}/confirm",
        "GET /v1/payment_intents/{intent}",
        "POST /v1/payment_intents/{intent}/confirm");

    private static readonly FrozenSet<string> Private = FrozenSet.Create("customer", "customer_account", "metadata", "application", "on_behalf_of", "mandate", "single_use_mandate",
        "latest_attempt", "latest_charge", "transfer_data", "transfer_group", "application_fee_amount", "review", "statement_descriptor", "statement_descriptor_suffix");

    private static readonly FrozenDictionary<string, Schema> Known = ApiSpec.Dahlia.Operations.Where(Allows).ToFrozenDictionary(o => o.Name, Extend);

    public static bool Allows(SpecOperation operation) => Allowed.Contains(operation.Name);

    /// <summary>The published parameters, with the client secret and a typed card, which servers have no way to send.</summary>
    public static Schema Parameters(SpecOperation operation) => Known[operation.Name];

    public static JsonObject Reduce(JsonObject whole)
    {
        var seen = (JsonObject)whole.DeepClone();
        foreach (var name in Private) seen.Remove(name);
        foreach (var name in (string[])["payment_method", "last_setup_error", "last_payment_error"])
            if (seen[name] is JsonObject inner) seen[name] = Reduce(inner);
        return seen;
    }

    /// <summary>The page that asks has another origin than the sandbox.</summary>
    public static void AllowAnyOrigin(HttpResponse response)
    {
        response.Headers.AccessControlAllowOrigin = "*";
        response.Headers.AccessControlExposeHeaders = "Request-Id, Stripe-Version";
    }

    public static void Preflight(HttpContext http)
    {
        AllowAnyOrigin(http.Response);
        http.Response.Headers.AccessControlAllowMethods = "GET, POST";
        http.Response.Headers.AccessControlAllowHeaders = "Authorization, Content-Type, Stripe-Version, Idempotency-Key";
        http.Response.Headers.AccessControlMaxAge = "600";
        http.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static Schema Extend(SpecOperation operation)
    {
        var parameters = ApiSpec.Dahlia.Resolve(operation.Parameters).With(("client_secret", Schema.Of("string")));
        if (parameters.Properties!.GetValueOrDefault("payment_method_data") is not { } data) return parameters;
        var card = ApiSpec.Dahlia.Operations.First(o => o.Name == "POST /v1/payment_methods").Parameters.Properties!["card"];
        return parameters.With(("payment_method_data", ApiSpec.Dahlia.Resolve(data).With(("card", card), ("type", Schema.Of("string")))));
    }
}
