using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>A refusal as the API words it: HTTP status, type, code, parameter.</summary>
internal sealed class StripeError(int status, string type, string message, string? code = null, string? param = null) : Exception(message)
{
    public int Status => status;
    public string Type => type;
    public string? Code => code;
    public string? Param => param;
    public string? DeclineCode { get; init; }

    /// <summary>The id of the charge that failed.</summary>
    public string? Charge { get; init; }

    /// <summary>What the answer shows along with the refusal.</summary>
    public Doc? SetupIntent { get; init; }
    public Doc? PaymentIntent { get; init; }
    public Doc? PaymentMethod { get; init; }

    /// <summary>A declined attempt is recorded (error, failed charge) although the request is refused.</summary>
    public bool KeepsChanges { get; init; }

    public static StripeError Invalid(string message, string? param = null, string? code = null) => new(400, "invalid_request_error", message, code, param);

    public static StripeError Missing(string what, string id, string? param = "id") =>
        new(404, "invalid_request_error", $"There is no {what} '{id}' in this account.", "resource_missing", param);

    public static StripeError Unimplemented(string what, string? param = null) =>
        new(400, "invalid_request_error", $"The billing sandbox does not implement {what}.", "sandbox_not_implemented", param);

    public static StripeError Declined(CardDecline decline) =>
        new(402, "card_error", decline.Message, decline.Code, decline.Param) { DeclineCode = decline.DeclineCode };

    /// <summary>A refusal that an intent has recorded.</summary>
    public static StripeError Declined(CardDecline decline, Doc intent, Doc method, string? charge = null) =>
        new(402, "card_error", decline.Message, decline.Code, decline.Param)
        {
            DeclineCode = decline.DeclineCode,
            Charge = charge,
            SetupIntent = intent.Kind == SetupIntents.Kind ? intent : null,
            PaymentIntent = intent.Kind == SetupIntents.Kind ? null : intent,
            PaymentMethod = method,
            KeepsChanges = true,
        };

    /// <summary>The same refusal of a request that leaves nothing behind.</summary>
    public StripeError WithoutChanges() => new(status, type, Message, code, param) { DeclineCode = DeclineCode };

    /// <summary>The error object itself; intents and methods are added by whoever renders them.</summary>
    public JsonObject ToJson()
    {
        var error = new JsonObject { ["type"] = type, ["message"] = Message };
        if (code is not null) error["code"] = code;
        if (param is not null) error["param"] = param;
        if (DeclineCode is not null) error["decline_code"] = DeclineCode;
        if (Charge is not null) error["charge"] = Charge;
        return error;
    }
}
