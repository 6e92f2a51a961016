using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Spec;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>The table of everything that is implemented, operation by operation and parameter by parameter.</summary>
internal static class Operations
{
    public const string Paging = "limit starting_after ending_before created";
    public const string BillingDetails = "billing_details[address] billing_details[email] billing_details[name] billing_details[phone]";

    private static readonly Dictionary<string, Operation> Table = Build();

    public static Operation? Find(string name) => Table.GetValueOrDefault(name);

    /// <summary>What is there and what is not, for people and for tests.</summary>
    public static JsonObject Coverage() => new()
    {
        ["api_version"] = ApiSpec.Version,
        ["operations"] = new JsonArray([.. ApiSpec.Dahlia.Operations.Select(o => (JsonNode)new JsonObject
        {
            ["method"] = o.Method,
            ["path"] = o.Template,
            ["implemented"] = Table.ContainsKey(o.Name),
            ["parameters"] = new JsonArray([.. Table.TryGetValue(o.Name, out var operation) ? operation.Parameters.Names.Select(n => (JsonNode)n) : []]),
        })]),
    };

    private static Dictionary<string, Operation> Build()
    {
        var table = new Dictionary<string, Operation>();
        CustomersApi.AddTo(table);
        PaymentMethodsApi.AddTo(table);
        SetupIntentsApi.AddTo(table);
        PaymentIntentsApi.AddTo(table);
        CatalogueApi.AddTo(table);
        DiscountsApi.AddTo(table);
        CheckoutApi.AddTo(table);
        SubscriptionsApi.AddTo(table);
        SchedulesApi.AddTo(table);
        InvoicesApi.AddTo(table);
        InvoiceItemsApi.AddTo(table);
        PreviewsApi.AddTo(table);
        CreditNotesApi.AddTo(table);
        PortalApi.AddTo(table);
        MetersApi.AddTo(table);
        TestClocksApi.AddTo(table);
        EventsApi.AddTo(table);
        WebhookEndpointsApi.AddTo(table);
        foreach (var name in table.Keys)
            if (ApiSpec.Dahlia.Operations.All(o => o.Name != name)) throw new InvalidOperationException($"{name} is not an operation of the API.");
        return table;
    }

    public static void Add(this Dictionary<string, Operation> table, string operation, Func<Call, JsonObject> handler, string parameters = "") =>
        table.Add(operation, new Operation(handler, new ImplementedParameters(parameters)));
}
