using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tracepipe.Stripe;

/// <summary>
/// Something that happened at Stripe. It comes at least once, in any order and late; its object is a snapshot, so whoever acts on it fetches the object anew.
/// </summary>
public sealed record StripeEvent : StripeObject
{
    /// <summary>Such as <c>setup_intent.succeeded</c>; the ones we act on are in <see cref="EventTypes"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The release <see cref="Data"/> is rendered in.</summary>
    public required string? ApiVersion { get; init; }

    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required StripeEventData Data { get; init; }

    /// <summary>The connected account it belongs to; ours when null.</summary>
    public string? Account { get; init; }

    /// <summary>The call that caused it.</summary>
    public required StripeEventRequest? Request { get; init; }

    /// <summary>Deliveries that have not been answered with success yet.</summary>
    public required int PendingWebhooks { get; init; }

    /// <summary>Id of the object it is about; null for those without, such as an upcoming invoice.</summary>
    [JsonIgnore]
    public string? ObjectId => Text(Data.Object, "id");

    /// <summary>Type of the object it is about, such as <c>setup_intent</c>.</summary>
    [JsonIgnore]
    public string? ObjectType => Text(Data.Object, "object");

    /// <summary>Id of the customer it concerns, when the object names one or is one.</summary>
    [JsonIgnore]
    public string? CustomerId => ObjectType == "customer" ? ObjectId : Text(Data.Object, "customer");

    /// <summary>Whether the snapshot has the shapes of our release: <c>2026-07-29.dahlia</c> and <c>2026-03-25.dahlia</c> do, <c>2026-09-30.endive</c> does not.</summary>
    public bool IsCompatibleApiVersion(string ours = StripeOptions.DefaultApiVersion) =>
        ApiVersion is not null && string.Equals(ReleaseOf(ApiVersion), ReleaseOf(ours), StringComparison.Ordinal);

    /// <summary>Reads a webhook's body. Verify its signature first.</summary>
    /// <returns>False when it is no event of the v1 API.</returns>
    public static bool TryParse(ReadOnlySpan<byte> body, [NotNullWhen(true)] out StripeEvent? result)
    {
        try
        {
            var read = JsonSerializer.Deserialize(body, StripeJson.Default.StripeEvent);
            result = read is { Id.Length: > 0, Type.Length: > 0, Data.Object.ValueKind: JsonValueKind.Object } ? read : null;
        }
        catch (JsonException)
        {
            result = null;
        }
        return result is not null;
    }

    /// <summary>Reads a webhook's body. Verify its signature first.</summary>
    /// <exception cref="FormatException">It is no event of the v1 API.</exception>
    public static StripeEvent Parse(ReadOnlySpan<byte> body) =>
        TryParse(body, out var result) ? result : throw new FormatException("The body is no Stripe event.");

    /// <summary>The name after the date; versions older than names are their own release.</summary>
    private static string ReleaseOf(string version) => version.LastIndexOf('.') is >= 0 and var dot ? version[(dot + 1)..] : version;

    private static string? Text(JsonElement of, string name) =>
        of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}

/// <summary>The object an event is about, as it was then.</summary>
public sealed record StripeEventData : Confidential
{
    /// <summary>Not expanded. Shapes are those of the event's own release.</summary>
    public required JsonElement Object { get; init; }

    /// <summary>Old values of what changed, for <c>…updated</c>.</summary>
    public JsonElement? PreviousAttributes { get; init; }
}

/// <summary>The call that caused an event.</summary>
public sealed record StripeEventRequest
{
    /// <summary>Null when Stripe acted by itself.</summary>
    public required string? Id { get; init; }

    public required string? IdempotencyKey { get; init; }
}

/// <summary>Calls on events, kept for 30 days.</summary>
public sealed class EventService
{
    private const string Path = "/v1/events";
    private readonly StripeTransport stripe;

    internal EventService(StripeTransport stripe) => this.stripe = stripe;

    public Task<StripeEvent> GetAsync(string id, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeEvent>($"{Path}/{StripePath.Segment(id)}", query: null, options, cancel);

    public Task<StripeList<StripeEvent>> ListAsync(EventListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<StripeEvent>>(Path, parameters, options, cancel);

    /// <summary>Newest first; oldest first when <see cref="ListParams.EndingBefore"/> is given.</summary>
    public IAsyncEnumerable<StripeEvent> ListAutoPagingAsync(EventListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<StripeEvent>(Path, parameters, options, cancel);
}

public sealed record EventListParams : ListParams
{
    public TimeRange? Created { get; init; }

    /// <summary>One type, or all of a kind: <c>invoice.*</c>.</summary>
    public string? Type { get; init; }

    /// <summary>Up to 20 types.</summary>
    public IReadOnlyList<string>? Types { get; init; }

    /// <summary>False lists those that a webhook endpoint has not taken yet.</summary>
    public bool? DeliverySuccess { get; init; }
}
