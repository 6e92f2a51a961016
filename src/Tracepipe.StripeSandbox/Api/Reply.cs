using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>An answer before it is written.</summary>
internal sealed record Reply(int Status, string Body)
{
    public bool IsReplay { get; init; }

    /// <summary>The connection breaks instead of answering.</summary>
    public bool Drops { get; init; }

    public bool? ShouldRetry { get; init; }

    /// <summary>Seconds.</summary>
    public int? RetryAfter { get; init; }

    public static Reply Error(int status, string type, string message, string? code = null)
    {
        var error = new JsonObject { ["type"] = type, ["message"] = message };
        if (code is not null) error["code"] = code;
        return new(status, new JsonObject { ["error"] = error }.ToJsonString());
    }

    /// <param name="refusal">What is answered.</param>
    /// <param name="show">Renders the intent and payment method that go with it.</param>
    public static Reply Refused(StripeError refusal, Func<Doc, JsonObject>? show = null)
    {
        var error = refusal.ToJson();
        if (show is not null)
        {
            if (refusal.SetupIntent is { } setup) error["setup_intent"] = show(setup);
            if (refusal.PaymentIntent is { } payment) error["payment_intent"] = show(payment);
            if (refusal.PaymentMethod is { } method) error["payment_method"] = show(method);
        }
        return new(refusal.Status, new JsonObject { ["error"] = error }.ToJsonString());
    }
}
