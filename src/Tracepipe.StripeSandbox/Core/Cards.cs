using System.Collections.Frozen;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>Why a card is refused, in the API's codes.</summary>
internal sealed record CardDecline(string Code, string? DeclineCode, string Message, string? Param = null)
{
    /// <summary>Trying again makes no sense until the customer brings another card.</summary>
    public bool IsHard => DeclineCode is "lost_card" or "stolen_card" or "authentication_required" || Code == "authentication_required";

    public static readonly CardDecline Generic = new("card_declined", "generic_decline", "The card was declined.");
    public static readonly CardDecline Insufficient = new("card_declined", "insufficient_funds", "The card does not have enough funds.");
    public static readonly CardDecline Lost = new("card_declined", "lost_card", "The card was declined.");
    public static readonly CardDecline Stolen = new("card_declined", "stolen_card", "The card was declined.");
    public static readonly CardDecline Expired = new("expired_card", "expired_card", "The card has expired.", "exp_month");
    public static readonly CardDecline WrongCvc = new("incorrect_cvc", "incorrect_cvc", "The card's security code is wrong.", "cvc");
    public static readonly CardDecline Processing = new("processing_error", "processing_error", "Something went wrong while the card was processed. Try again in a moment.");
    public static readonly CardDecline Velocity = new("card_declined", "card_velocity_exceeded", "The card was declined: too many payments in a short time.");
    public static readonly CardDecline Unauthenticated = new("authentication_required", "authentication_required", "The card was declined: the payment must be authenticated by its owner.");
    public static readonly CardDecline UseTestCard = new("card_declined", "test_mode_live_card", "This is a sandbox: use a test card. No other number is accepted or kept.", "number");
}

/// <summary>Whether the cardholder must prove who they are.</summary>
internal enum Challenge
{
    None,
    /// <summary>The bank asks the cardholder.</summary>
    Required,
    /// <summary>The bank is satisfied without asking.</summary>
    Frictionless,
}

/// <summary>What happens when a card is used in one way: a challenge first, then a refusal or success.</summary>
internal sealed record CardUse(Challenge Challenge = Challenge.None, CardDecline? Decline = null);

/// <summary>How a test card behaves when saved, charged with its owner present, and charged without.</summary>
internal sealed record CardBehaviour(string Name, CardUse Setup, CardUse OnSession, CardUse OffSession)
{
    /// <summary>Refused already when attached to a customer.</summary>
    public CardDecline? AttachDecline { get; init; }

    /// <summary>Off-session charges need a finished setup first.</summary>
    public bool MustBeSetUp { get; init; }

    public bool Disputed { get; init; }
    public bool FailsCvcCheck { get; init; }

    /// <summary>A refund waits before it succeeds, or succeeds and fails later.</summary>
    public bool RefundWaits { get; init; }
    public bool RefundFails { get; init; }
}

/// <summary>One row of the table of test cards.</summary>
internal sealed record TestCard(string Number, string? Alias, string Brand, string Funding, CardBehaviour Behaviour)
{
    public string Last4 => Number[^4..];
}

/// <summary>The test cards: the only numbers that the sandbox knows. A number is turned into its row and forgotten.</summary>
internal static class Cards
{
    private static readonly CardUse Fine = new();
    private static readonly CardUse Asked = new(Challenge.Required);
    private static readonly CardUse Unauthenticated = new(Decline: CardDecline.Unauthenticated);

    private static readonly CardBehaviour Ok = new("ok", Fine, Fine, Fine);

    private static readonly CardBehaviour ChargeFails = new("charge_fails", Fine, new(Decline: CardDecline.Generic), new(Decline: CardDecline.Generic));
    private static readonly CardBehaviour AskedOnSetup = new("asked_on_setup", Asked, Asked, Fine) { MustBeSetUp = true };
    private static readonly CardBehaviour AlwaysAsked = new("always_asked", Asked, Asked, Unauthenticated);
    private static readonly CardBehaviour AskedOnSession = new("asked_on_session", Asked, Asked, Fine);
    private static readonly CardBehaviour AskedThenPoor = new("asked_then_insufficient_funds", Asked, new(Challenge.Required, CardDecline.Insufficient), new(Decline: CardDecline.Insufficient));
    private static readonly CardBehaviour Asked2 = new("asked", Asked, Asked, Fine) { MustBeSetUp = true };
    private static readonly CardBehaviour AskedThenDeclined = new("asked_then_declined", new(Challenge.Required, CardDecline.Generic), new(Challenge.Required, CardDecline.Generic), new(Decline: CardDecline.Generic));
    private static readonly CardBehaviour LookupFails = new("lookup_fails", new(Decline: CardDecline.Generic), new(Decline: CardDecline.Generic), new(Decline: CardDecline.Generic));
    private static readonly CardUse Unasked = new(Challenge.Frictionless);
    private static readonly CardBehaviour Frictionless = new("frictionless", Unasked, Unasked, Fine);

    public static readonly IReadOnlyList<TestCard> Table =
    [
        new("4242424242424242", "pm_card_visa", "visa", "credit", Ok),
        new("4000056655665556", "pm_card_visa_debit", "visa", "debit", Ok),
        new("5555555555554444", "pm_card_mastercard", "mastercard", "credit", Ok),
        new("2223003122003222", null, "mastercard", "credit", Ok),
        new("378282246310005", "pm_card_amex", "amex", "credit", Ok),
        new("6011111111111117", "pm_card_discover", "discover", "credit", Ok),
        new("3056930009020004", "pm_card_diners", "diners", "credit", Ok),
        new("3566002020360505", "pm_card_jcb", "jcb", "credit", Ok),
        new("6200000000000005", "pm_card_unionpay", "unionpay", "credit", Ok),
        new("4000000000000002", "pm_card_visa_chargeDeclined", "visa", "credit", Refused("declined", CardDecline.Generic)),
        new("4000000000009995", "pm_card_visa_chargeDeclinedInsufficientFunds", "visa", "credit", Refused("insufficient_funds", CardDecline.Insufficient)),
        new("4000000000009987", "pm_card_visa_chargeDeclinedLostCard", "visa", "credit", Refused("lost_card", CardDecline.Lost)),
        new("4000000000009979", "pm_card_visa_chargeDeclinedStolenCard", "visa", "credit", Refused("stolen_card", CardDecline.Stolen)),
        new("4000000000000069", "pm_card_chargeDeclinedExpiredCard", "visa", "credit", Refused("expired_card", CardDecline.Expired)),
        new("4000000000000127", "pm_card_chargeDeclinedIncorrectCvc", "visa", "credit", Refused("incorrect_cvc", CardDecline.WrongCvc)),
        new("4000000000000119", "pm_card_chargeDeclinedProcessingError", "visa", "credit", Refused("processing_error", CardDecline.Processing)),
        new("4000000000006975", "pm_card_visa_chargeDeclinedVelocityLimitExceeded", "visa", "credit", Refused("velocity_exceeded", CardDecline.Velocity)),
        new("4000000000000341", "pm_card_chargeCustomerFail", "visa", "credit", ChargeFails),
        new("4000002500003155", "pm_card_authenticationRequiredOnSetup", "visa", "credit", AskedOnSetup),
        new("4000002760003184", "pm_card_authenticationRequired", "visa", "credit", AlwaysAsked),
        new("4000003800000446", "pm_card_authenticationRequiredSetupForOffSession", "visa", "credit", AskedOnSession),
        new("4000008260003178", "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds", "visa", "credit", AskedThenPoor),
        new("4000000000003220", "pm_card_threeDSecure2Required", "visa", "credit", Asked2),
        new("4000008400000027", "pm_card_threeDSecureRequired", "visa", "credit", Asked2),
        new("4000008400001629", "pm_card_threeDSecureRequiredChargeDeclined", "visa", "credit", AskedThenDeclined),
        new("4000008400001280", "pm_card_threeDSecureRequiredProcessingError", "visa", "credit", LookupFails),
        new("4000000032200000", null, "visa", "credit", Frictionless),
        new("4000000000000259", "pm_card_createDispute", "visa", "credit", Ok with { Name = "disputed", Disputed = true }),
        new("4000000000007726", "pm_card_pendingRefund", "visa", "credit", Ok with { Name = "refund_waits", RefundWaits = true }),
        new("4000000000005126", "pm_card_refundFail", "visa", "credit", Ok with { Name = "refund_fails", RefundFails = true }),
        new("4000000000000101", "pm_card_cvcCheckFail", "visa", "credit", Ok with { Name = "cvc_check_fails", FailsCvcCheck = true }),
    ];

    private static readonly FrozenDictionary<string, TestCard> ByNumber = Table.ToFrozenDictionary(c => c.Number);
    private static readonly FrozenDictionary<string, TestCard> ByAlias = Table.Where(c => c.Alias is not null).ToFrozenDictionary(c => c.Alias!);
    private static readonly FrozenDictionary<string, CardBehaviour> ByName = Table.Select(c => c.Behaviour).DistinctBy(b => b.Name).ToFrozenDictionary(b => b.Name);

    public static TestCard? WithAlias(string alias) => ByAlias.GetValueOrDefault(alias);

    public static CardBehaviour Behaviour(Doc paymentMethod) => ByName[paymentMethod.Hidden["behaviour"] ?? "ok"];

    /// <summary>The row of a typed card, or the refusal that the form shows at the right field.</summary>
    public static TestCard Recognize(string number, long month, long year, string? cvc, DateTimeOffset now)
    {
        var digits = number.Replace(" ", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal);
        if (digits.Length is < 12 or > 19 || !digits.All(char.IsAsciiDigit)) throw Refuse("invalid_number", "This is not a card number.", "number");
        if (!PassesLuhn(digits)) throw Refuse("incorrect_number", "The card number is wrong.", "number");
        CheckExpiry(month, year, now);
        var amex = digits.StartsWith("34", StringComparison.Ordinal) || digits.StartsWith("37", StringComparison.Ordinal);
        if (cvc is not null && (!cvc.All(char.IsAsciiDigit) || (cvc.Length != 3 && !(amex && cvc.Length == 4)))) throw Refuse("invalid_cvc", "The card's security code is not valid.", "cvc");
        return ByNumber.GetValueOrDefault(digits) ?? throw StripeError.Declined(CardDecline.UseTestCard);
    }

    /// <summary>A year of two digits is of this century.</summary>
    public static long FullYear(long year) => year < 100 ? 2000 + year : year;

    public static void CheckExpiry(long month, long year, DateTimeOffset now)
    {
        year = FullYear(year);
        if (month is < 1 or > 12) throw Refuse("invalid_expiry_month", "The card's expiry month is not valid.", "exp_month");
        if (year < now.Year || year > now.Year + 50) throw Refuse("invalid_expiry_year", "The card's expiry year is not valid.", "exp_year");
        if (year == now.Year && month < now.Month) throw Refuse("invalid_expiry_month", "The card's expiry month lies in the past.", "exp_month");
    }

    private static StripeError Refuse(string code, string message, string param) => new(402, "card_error", message, code, param);

    private static bool PassesLuhn(string digits)
    {
        var sum = 0;
        for (var i = 0; i < digits.Length; i++)
        {
            var digit = digits[^(i + 1)] - '0';
            if (i % 2 == 1) digit = digit > 4 ? (digit * 2) - 9 : digit * 2;
            sum += digit;
        }
        return sum % 10 == 0;
    }

    private static CardBehaviour Refused(string name, CardDecline decline) => new(name, new(Decline: decline), new(Decline: decline), new(Decline: decline)) { AttachDecline = decline };
}
