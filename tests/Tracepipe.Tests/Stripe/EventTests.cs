using System.Text;
using Tracepipe.Stripe;

namespace Tracepipe.Tests.Stripe;

/// <summary>Catches events that would be lost, or read in the shapes of another release.</summary>
public sealed class EventTests
{
    private static StripeEvent Event(string data, string version = "\"2026-07-29.dahlia\"") => StripeEvent.Parse(Encoding.UTF8.GetBytes($$$"""
        {
          "id": "evt_1", "object": "event", "api_version": {{{version}}}, "created": 1785585600, "livemode": false, "pending_webhooks": 1,
          "request": { "id": null, "idempotency_key": null }, "type": "setup_intent.succeeded",
          "data": { "object": {{{data}}} }
        }
        """));

    [Fact]
    public void An_event_says_what_happened_to_which_object()
    {
        var read = Event("""{"id":"seti_1","object":"setup_intent","customer":"cus_1"}""");
        Assert.Equal(("evt_1", EventTypes.SetupIntentSucceeded, false), (read.Id, read.Type, read.Livemode));
        Assert.Equal(("seti_1", "setup_intent", "cus_1"), (read.ObjectId, read.ObjectType, read.CustomerId));
        Assert.Equal(new DateTimeOffset(2026, 8, 1, 12, 0, 0, TimeSpan.Zero), read.Created);
        Assert.Null(read.Request!.Id);
    }

    [Fact]
    public void An_event_about_a_customer_concerns_that_customer() => Assert.Equal("cus_1", Event("""{"id":"cus_1","object":"customer"}""").CustomerId);

    [Fact]
    public void An_upcoming_invoice_has_no_id() => Assert.Null(Event("""{"object":"invoice"}""").ObjectId);

    [Theory]
    [InlineData("\"2026-07-29.dahlia\"", true)]
    [InlineData("\"2026-03-25.dahlia\"", true)]
    [InlineData("\"2026-09-30.endive\"", false)]
    [InlineData("\"2024-06-20\"", false)]
    [InlineData("null", false)]
    public void Only_events_of_our_release_have_our_shapes(string version, bool compatible) =>
        Assert.Equal(compatible, Event("""{"id":"seti_1"}""", version).IsCompatibleApiVersion());

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"id\":\"evt_1\"")]
    [InlineData("{\"id\":\"evt_1\",\"object\":\"v2.core.event\",\"type\":\"v1.billing.meter.no_meter_found\",\"created\":\"2026-08-01T00:00:00Z\"}")]
    [InlineData("{\"id\":\"evt_1\",\"api_version\":null,\"created\":1,\"livemode\":false,\"pending_webhooks\":0,\"request\":null,\"type\":\"a\",\"data\":{\"object\":[]}}")]
    [InlineData("{\"id\":\"evt_1\",\"api_version\":null,\"created\":99999999999999999,\"livemode\":false,\"pending_webhooks\":0,\"request\":null,\"type\":\"a\",\"data\":{\"object\":{}}}")]
    public void What_is_no_event_is_not_read_as_one(string body)
    {
        Assert.False(StripeEvent.TryParse(Encoding.UTF8.GetBytes(body), out var read));
        Assert.Null(read);
    }

    [Fact]
    public void Every_event_we_name_is_subscribed_to_once()
    {
        var named = typeof(EventTypes).GetFields().Select(field => (string)field.GetRawConstantValue()!).ToList();
        Assert.Equal(named, EventTypes.All);
        Assert.Equal(36, EventTypes.All.Distinct(StringComparer.Ordinal).Count());
    }
}
