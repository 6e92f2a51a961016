using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>One attempt to take money, as the bank answered it.</summary>
internal static class Charges
{
    public const string Kind = "charge";

    public static Doc Make(UnitOfWork work, Doc intent, Doc method, CardDecline? decline, string? flow)
    {
        var charge = work.New(Kind, work.NewId("ch_"), intent.Id);
        var amount = intent.Long("amount");
        charge.Set("created", Clocks.NowUnix(work, intent.Customer));
        charge.Set("amount", amount);
        charge.Set("amount_captured", decline is null ? amount : 0L);
        charge.Set("amount_refunded", 0L);
        charge["balance_transaction"] = decline is null ? work.NewId("txn_") : null;
        charge.Set("billing_details", method.Node("billing_details")!.DeepClone());
        charge["calculated_statement_descriptor"] = "SANDBOX";
        charge.Set("captured", decline is null);
        charge["currency"] = intent["currency"];
        charge["customer"] = intent.Customer;
        charge["description"] = intent["description"];
        charge.Set("disputed", false);
        charge["failure_code"] = decline?.Code;
        charge["failure_message"] = decline?.Message;
        charge.Set("fraud_details", new JsonObject());
        charge.Set("metadata", intent.Node("metadata")!.DeepClone());
        charge.Set("outcome", Outcome(decline));
        charge.Set("paid", decline is null);
        charge["payment_intent"] = intent.Id;
        charge["payment_method"] = method.Id;
        charge.Set("payment_method_details", method["type"] == "link"
            ? new JsonObject { ["link"] = new JsonObject { ["country"] = "US" }, ["type"] = "link" }
            : new JsonObject { ["card"] = Card(method, amount, flow), ["type"] = "card" });
        charge["receipt_email"] = intent["receipt_email"];
        charge.Set("refunded", false);
        charge.Status = decline is null ? "succeeded" : "failed";
        return charge;
    }

    private static JsonObject Outcome(CardDecline? decline) => new()
    {
        ["advice_code"] = decline is null ? null : decline.IsHard ? "do_not_try_again" : "try_again_later",
        ["network_advice_code"] = null,
        ["network_decline_code"] = null,
        ["network_status"] = decline is null ? "approved_by_network" : "declined_by_network",
        ["reason"] = decline?.DeclineCode,
        ["risk_level"] = "normal",
        ["risk_score"] = 20,
        ["seller_message"] = decline is null ? "Payment complete." : "The bank declined this payment.",
        ["type"] = decline is null ? "authorized" : "issuer_declined",
    };

    private static JsonObject Card(Doc method, long amount, string? flow)
    {
        var card = new JsonObject();
        foreach (var name in (string[])["brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "regulated_status"])
            card[name] = method.Node($"card.{name}")?.DeepClone();
        if (card["checks"]?["cvc_check"]?.GetValue<string>() == "unchecked") card["checks"]!["cvc_check"] = Cards.Behaviour(method).FailsCvcCheck ? "fail" : "pass";
        card["amount_authorized"] = amount;
        card["authorization_code"] = null;
        card["installments"] = null;
        card["mandate"] = null;
        card["network"] = method["card.brand"];
        card["network_transaction_id"] = null;
        card["three_d_secure"] = flow is null ? null : new JsonObject
        {
            ["authentication_flow"] = flow,
            ["electronic_commerce_indicator"] = "05",
            ["exemption_indicator"] = null,
            ["result"] = "authenticated",
            ["result_reason"] = null,
            ["transaction_id"] = Ids.Digest(method.Id + amount, 20),
            ["version"] = "2.2.0",
        };
        card["transaction_link_id"] = null;
        card["wallet"] = null;
        return card;
    }
}

/// <summary>A cardholder's complaint at the bank: it opens with the charge of one test card and waits for an answer.</summary>
internal static class Disputes
{
    public const string Kind = "dispute";
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromDays(9);
    private static readonly string[] Evidence =
    [
        "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure", "cancellation_rebuttal", "customer_communication", "customer_email_address",
        "customer_name", "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation", "duplicate_charge_id", "product_description",
        "receipt", "refund_policy", "refund_policy_disclosure", "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier",
        "shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file", "uncategorized_text",
    ];

    public static void Open(UnitOfWork work, Doc charge)
    {
        var dispute = work.New(Kind, work.NewId("du_"), charge.Id);
        var now = Clocks.Now(work, charge.Customer);
        dispute.Set("created", now.ToUnixTimeSeconds());
        dispute.Set("balance_transactions", new JsonArray());
        dispute.Set("amount", charge.Long("amount"));
        dispute["charge"] = charge.Id;
        dispute["currency"] = charge["currency"];
        dispute.Set("enhanced_eligibility_types", new JsonArray());
        var evidence = new JsonObject { ["enhanced_evidence"] = new JsonObject() };
        foreach (var name in Evidence) evidence[name] = null;
        dispute.Set("evidence", evidence);
        dispute.Set("evidence_details", new JsonObject
        {
            ["due_by"] = (now + AnswerWithin).ToUnixTimeSeconds(), ["enhanced_eligibility"] = new JsonObject(), ["has_evidence"] = false, ["past_due"] = false, ["submission_count"] = 0,
        });
        dispute.Set("is_charge_refundable", false);
        dispute["payment_intent"] = charge["payment_intent"];
        dispute["reason"] = "fraudulent";
        dispute.Status = "needs_response";
        charge.Set("disputed", true);
        work.EmitUpdated("charge.updated", charge);
        work.Emit("charge.dispute.created", dispute);
    }
}
