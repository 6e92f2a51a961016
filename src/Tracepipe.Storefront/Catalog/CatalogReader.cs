using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tracepipe.Storefront.Catalog;

/// <summary>Something in the catalogue is wrong; the message begins with the path of the field: <c>tiers[2].limits.workflows: …</c>.</summary>
internal sealed class CatalogException(string path, string sentence) : Exception($"{path}: {sentence}")
{
    public string Path { get; } = path;
}

/// <summary>Reads <c>catalog.json</c> field by field, so that each mistake is named by its path. Unknown and duplicate fields are mistakes.</summary>
internal static partial class CatalogReader
{
    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false, CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 16 };

    /// <exception cref="CatalogException">The first mistake, by its path.</exception>
    public static PriceList Read(string json)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(json, Options);
        }
        catch (JsonException wrong)
        {
            throw new CatalogException($"line {wrong.LineNumber + 1}", "this is not JSON, or a name stands twice.");
        }
        using (document)
        {
            var root = new Node("", document.RootElement).Object("currency", "minimum_charge_cents", "spend_cap_cents", "meters", "rates", "tiers", "llm_prices", "suites");
            var currency = root["currency"].Text(Currency(), "three capital letters, such as USD");
            var meters = Unique(root["meters"].List().Select(Meter).ToList(), m => m.Key, "meters");
            var rates = Unique(root["rates"].List().Select(r => Rate(r, meters)).ToList(), r => r.Meter, "rates");
            var tiers = Unique(root["tiers"].List().Select(Tier).ToList(), t => t.Key, "tiers");
            if (!tiers.Any(t => t is { Key: "free", Sold: Sold.Free })) throw new CatalogException("tiers", "one tier must be “free” and sold “free”: it applies without a plan.");
            var prices = root.TryGet("llm_prices") is { } list ? Unique(list.List().Select(Price).ToList(), p => p.Provider + "/" + p.Model, "llm_prices") : [];
            return new PriceList(currency, root["minimum_charge_cents"].Whole(0, 1_000_000), root["spend_cap_cents"].Whole(0, 100_000_000), meters, rates, tiers, prices,
                root.TryGet("suites") is { } suites ? Unique(suites.List().Select(Suite).ToList(), s => s.Id, "suites") : []);
        }
    }

    private static CatalogMeter Meter(Node node)
    {
        var fields = node.Object("key", "name", "unit", "kind");
        return new CatalogMeter(fields["key"].Text(Key(), KeyRule), fields["name"].Text(), fields["unit"].Text(), fields["kind"].OneOf<MeterKind>());
    }

    private static Rate Rate(Node node, List<CatalogMeter> meters)
    {
        var fields = node.Object("meter", "price", "per", "models");
        var meter = fields["meter"].Text();
        var known = meters.FirstOrDefault(m => string.Equals(m.Key, meter, StringComparison.Ordinal)) ?? throw new CatalogException(fields["meter"].Path, $"there is no meter “{meter}”.");
        if (known.Kind is MeterKind.Free) throw new CatalogException(fields["meter"].Path, $"the meter “{meter}” is of kind “free” and cannot have a rate.");
        var price = fields["price"].Amount();
        if (known.Kind is MeterKind.Unit && decimal.Truncate(price * 100) != price * 100) throw new CatalogException(fields["price"].Path, "a unit is paid from one pocket at once: its price has at most two decimals.");
        var models = fields.TryGet("models") is { } m ? m.Members().ToDictionary(p => p.Name, p => p.Value.Amount(), StringComparer.Ordinal) : null;
        return new Rate(meter, price, fields["per"].Whole(1, 1_000_000_000_000), models);
    }

    private static Tier Tier(Node node)
    {
        var fields = node.Object("key", "name", "sold", "price_cents", "seats", "trial_days", "brings_own_keys", "limits", "requests");
        var sold = fields["sold"].OneOf<Sold>();
        var price = fields["price_cents"].Whole(0, 100_000_000);
        if (sold is Sold.Monthly or Sold.Once && price < 50) throw new CatalogException(fields["price_cents"].Path, "a tier that is sold costs at least 50 cents, the smallest charge.");
        if (sold is Sold.Free or Sold.Contract or Sold.Hidden && price != 0) throw new CatalogException(fields["price_cents"].Path, "this tier is not bought: its price is 0.");
        var limits = fields["limits"].Object("workflows", "agents", "storage_gb", "tokens");
        var requests = fields["requests"].Object("requests_per_minute", "uploads_per_minute", "key_changes_per_minute");
        return new Tier(
            fields["key"].Text(Key(), KeyRule),
            fields["name"].Text(),
            sold,
            price,
            new TierLimits(limits["workflows"].Limit(), (int)limits["agents"].Limit(1_000_000), limits["storage_gb"].Limit(), limits["tokens"].Limit()),
            new RequestLimits((int)requests["requests_per_minute"].Limit(10_000_000), (int)requests["uploads_per_minute"].Limit(10_000_000), (int)requests["key_changes_per_minute"].Limit(10_000_000)),
            fields.TryGet("seats") is { } seats ? (int)seats.Whole(1, 1_000_000) : null,
            fields.TryGet("trial_days") is { } days ? (int)days.Whole(0, 730) : 0,
            fields.TryGet("brings_own_keys")?.Bool() ?? false);
    }

    private static CatalogSuite Suite(Node node)
    {
        var fields = node.Object("id", "name", "description", "actions");
        return new CatalogSuite(fields["id"].Text(Key(), KeyRule), fields["name"].Text(), fields["description"].Text(), Unique(fields["actions"].List().Select(Action).ToList(), a => a.Name, fields["actions"].Path));
    }

    private static SuiteAction Action(Node node)
    {
        var fields = node.Object("name", "parameters");
        var parameters = fields["parameters"].List().Select(p =>
        {
            var parameter = p.Object("name", "type", "optional");
            return new SuiteParameter(parameter["name"].Text(Key(), KeyRule), parameter["type"].Text(ParameterType(), "text, number or boolean"), parameter.TryGet("optional")?.Bool() ?? false);
        }).ToList();
        return new SuiteAction(fields["name"].Text(Key(), KeyRule), parameters.Count == 0 ? [] : Unique(parameters, p => p.Name, fields["parameters"].Path));
    }

    private static LlmPrice Price(Node node)
    {
        var fields = node.Object("provider", "model", "input_per_million", "output_per_million");
        return new LlmPrice(fields["provider"].Text(), fields["model"].Text(), fields["input_per_million"].Amount(), fields["output_per_million"].Amount());
    }

    private static List<T> Unique<T>(List<T> items, Func<T, string> key, string path)
    {
        if (items.Count == 0) throw new CatalogException(path, "the list is empty.");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < items.Count; i++)
            if (!seen.Add(key(items[i]))) throw new CatalogException($"{path}[{i}]", $"“{key(items[i])}” stands twice.");
        return items;
    }

    private const string KeyRule = "lower-case letters, digits and underscores, beginning with a letter";

    [GeneratedRegex("^[a-z][a-z0-9_]{0,39}$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Key();

    [GeneratedRegex("^(text|number|boolean)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ParameterType();

    [GeneratedRegex("^[A-Z]{3}$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Currency();

    /// <summary>A value and where it stands.</summary>
    private readonly record struct Node(string Path, JsonElement Value)
    {
        public Fields Object(params string[] known)
        {
            var members = Members().ToDictionary(m => m.Name, m => m.Value, StringComparer.Ordinal);
            foreach (var (name, node) in members)
                if (!known.Contains(name, StringComparer.Ordinal)) throw new CatalogException(node.Path, $"this field is not known; there are {string.Join(", ", known)}.");
            return new Fields(Path, members);
        }

        public IEnumerable<(string Name, Node Value)> Members()
        {
            if (Value.ValueKind is not JsonValueKind.Object) throw new CatalogException(Path.Length == 0 ? "catalog.json" : Path, "write an object: { … }.");
            var path = Path;
            return Value.EnumerateObject().Select(p => (p.Name, new Node(path.Length == 0 ? p.Name : $"{path}.{p.Name}", p.Value))).ToList();
        }

        public IEnumerable<Node> List()
        {
            if (Value.ValueKind is not JsonValueKind.Array) throw new CatalogException(Path, "write a list: [ … ].");
            var path = Path;
            return Value.EnumerateArray().Select((v, i) => new Node($"{path}[{i}]", v)).ToList();
        }

        public string Text(Regex? form = null, string rule = "")
        {
            if (Value.ValueKind is not JsonValueKind.String || Value.GetString() is not { Length: > 0 and <= 100 } text) throw new CatalogException(Path, "write a text of 1 to 100 characters.");
            return form is null || form.IsMatch(text) ? text : throw new CatalogException(Path, $"write {rule}.");
        }

        public T OneOf<T>() where T : struct, Enum
        {
            var text = Text();
            foreach (var value in Enum.GetValues<T>())
                if (string.Equals(value.ToString().ToLowerInvariant(), text, StringComparison.Ordinal)) return value;
            throw new CatalogException(Path, $"write one of {string.Join(", ", Enum.GetNames<T>().Select(n => n.ToLowerInvariant()))}.");
        }

        public long Whole(long least, long most) =>
            Value.ValueKind is JsonValueKind.Number && Value.TryGetInt64(out var number) && number >= least && number <= most ? number
            : throw new CatalogException(Path, $"write a whole number from {least} to {most}.");

        public long Limit(long most = 1_000_000_000_000_000) =>
            Value.ValueKind is JsonValueKind.Number && Value.TryGetInt64(out var number) && number >= -1 && number <= most ? number
            : throw new CatalogException(Path, $"write a whole number from 0 to {most}, or -1 for unlimited.");

        public bool Bool() => Value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw new CatalogException(Path, "write true or false."),
        };

        /// <summary>Exact amounts are texts, because a JSON number is a binary float to many readers.</summary>
        public decimal Amount() =>
            Value.ValueKind is JsonValueKind.String && decimal.TryParse(Value.GetString(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount) && amount is >= 0 and <= 1_000_000 && amount.Scale <= 12 ? amount
            : throw new CatalogException(Path, "write an amount as text with at most 12 decimals, such as \"10.00\".");
    }

    private sealed record Fields(string Path, Dictionary<string, Node> Members)
    {
        public Node this[string name] => TryGet(name) ?? throw new CatalogException(Path.Length == 0 ? name : $"{Path}.{name}", "this field is missing.");

        public Node? TryGet(string name) => Members.TryGetValue(name, out var node) ? node : null;
    }
}
