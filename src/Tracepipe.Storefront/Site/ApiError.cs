namespace Tracepipe.Storefront.Site;

/// <summary>An error code of the API as the documentation explains it.</summary>
/// <param name="Brief">What it means, in one line.</param>
/// <param name="BriefDo">What to do, in one line.</param>
/// <param name="Means">What it means.</param>
/// <param name="Example">A whole answer.</param>
/// <param name="Do">What to do, as sentences.</param>
internal sealed record ApiError(int Status, string Code, string Brief, string BriefDo, string Means, string Example, string Do)
{
    public static IReadOnlyList<ApiError> All { get; } =
    [
        new(400, "bad_request", "The request cannot be read", "Check syntax, names and types",
            "The body is not JSON, has a name twice, a name we do not know, a wrong type (“1” for a number), or misses a field. Also: a key in the address.",
            Body("bad_request", "The JSON body cannot be read at $.name: check its syntax, names and types against the API reference."),
            "Correct the request; sending it again unchanged gives the same answer. If the key stood in the address (?api_key=), revoke it: addresses end up in logs."),
        new(401, "unauthorized", "The key is unknown, expired or revoked", "Create a new key",
            "There is no key, or the key is incomplete, unknown, expired or revoked. A key is never called wrong because something of ours is away: that is 503.",
            Body("unauthorized", "Log in, or send an API key in the X-API-Key header."),
            "Send the whole key in the header X-API-Key, without quotes or spaces. If it was revoked or has expired, create another one."),
        new(402, "payment_required", "It cannot be paid for", "Read details.reason: quota, cap, account or card",
            "The work is refused before it starts, because nothing is left to pay for it. details.reason is quota_exhausted, spend_cap_reached, account_suspended or no_payment_method.",
            Body("payment_required", "100 of 100 workflows are used until Dec 1. Upgrade, buy credits, or raise your spend cap.", "\"reason\": \"quota_exhausted\""),
            "By reason: upgrade or buy credits; raise the spend cap; pay the open invoice; add a card. Work goes on at once."),
        new(402, "card_declined", "The bank refused the card", "Use another card, or ask the bank",
            "Stripe or the bank refused the card; the sentence is theirs. details.reason is Stripe's code, details.decline_code the bank's reason where it gives one. Nothing was saved or charged.",
            Problem(402, "card_declined", "Payment Required", "Your card was declined.", "\"reason\": \"card_declined\", \"decline_code\": \"generic_decline\""),
            "Use another card, or ask the bank that issued it. Trying the same card again at once rarely helps."),
        new(402, "authentication_required", "The bank wants to ask the person", "Open details.payment_url",
            "The card on file is good, but the bank confirms this payment with the person first (3-D Secure). Nothing has changed; the plan changes by itself once the person has confirmed.",
            Problem(402, "authentication_required", "Payment Required", "Your bank wants you to confirm this payment. The plan changes as soon as you have.", "\"reason\": \"authentication_required\", \"payment_url\": \"https://invoice.stripe.com/i/acct_…/live_…\""),
            "Send the person to details.payment_url. It is Stripe's page; afterwards the subscription says the new plan. Unconfirmed, the change is forgotten after 23 hours and the plan stays."),
        new(403, "forbidden", "The key lacks a permission or suite", "See details.missing",
            "The key is good, but it may not do this. details.missing names the permission or suite.",
            Body("forbidden", "This needs the permission keys:write. Ask an owner or admin of the organization.", "\"missing\": \"keys:write\""),
            "Use a key that has the permission, or create one."),
        new(404, "not_found", "It is not there, or not yours", "Check the id and the organization of the key",
            "The thing does not exist, or belongs to another organization: the answer is the same.",
            Body("not_found", "API key not found."),
            "Check the id, and that the key belongs to the organization that owns it."),
        new(405, "method_not_allowed", "The address does not take this method", "Check the method",
            "The address exists, but not for this method.",
            Body("method_not_allowed", "This address does not take that method: see the API reference."),
            "Use the method that the documentation names."),
        new(409, "conflict", "The thing is in another state", "Fetch it and look",
            "What you ask for contradicts the state of the thing, or a call with the same Idempotency-Key is still running.",
            Body("conflict", "A call with this Idempotency-Key is still running: wait for its answer."),
            "Fetch the thing, look at its state, decide again. For a running call: wait a second and repeat it unchanged."),
        new(409, "subscription_exists", "A subscription is running already", "Change its plan instead",
            "An organization has one subscription. A second checkout would charge twice, so it is not opened.",
            Problem(409, "subscription_exists", "Conflict", "Your organization has a subscription already. Change its plan instead of buying another one.", "\"instead\": \"POST …/subscription/change/preview\""),
            "Ask for a preview of the change, show it, and confirm it: POST /api/billing/account/{organization_id}/subscription/change/preview, then …/change."),
        new(409, "preview_stale", "What was shown no longer holds", "Ask for a new preview",
            "A preview can be confirmed for 15 minutes, and only while subscription, price and period are those it was made for. Nothing was charged.",
            Problem(409, "preview_stale", "Conflict", "This preview no longer holds: prices depend on the moment. Look at the change again and confirm what you see."),
            "Ask for a new preview, show its amounts, and confirm that one."),
        new(409, "sold_out", "The last lifetime seat is sold", "Choose a monthly plan",
            "Lifetime plans are limited in number. Who pays in the same moment as somebody else for the last one gets the money back.",
            Problem(409, "sold_out", "Conflict", "All lifetime seats are sold."),
            "Choose a plan by the month. Seats that were given back are offered again on the page Plans."),
        new(413, "payload_too_large", "The body is too large", "Send less",
            "The body, or what it unpacks to, is larger than this address takes.",
            Body("payload_too_large", "The body is larger than this address takes."),
            "Send it in smaller parts."),
        new(415, "unsupported_media_type", "The body has another media type", "Send application/json",
            "The header Content-Type is missing or names something else than this address reads.",
            Body("unsupported_media_type", "Send the body as application/json."),
            "Set the header Content-Type to application/json."),
        new(422, "validation_error", "Well-formed, but a value is wrong", "See details, a sentence per field",
            "The request can be read, but a value is out of its range or contradicts another. details has a sentence per field. Also: an Idempotency-Key that was used with another body.",
            Body("validation_error", "Choose a name of at most 100 characters.", "\"name\": \"Choose a name of at most 100 characters.\""),
            "Correct the fields that details names."),
        new(429, "rate_limited", "Too many calls", "Wait as long as Retry-After says",
            "The key, or all keys of the organization together, called more often than the plan allows. details.reason is agents_limit when too many runs are under way at once.",
            Body("rate_limited", "Too many requests. Wait and try again."),
            "Wait as many seconds as Retry-After says. The headers X-RateLimit-Limit, -Remaining and -Reset let you slow down before."),
        new(500, "internal_error", "Something failed on our side", "Repeat it; tell us the request id",
            "A fault of ours. details.request_id finds it in our logs.",
            Body("internal_error", "Something failed on our side. Tell us the request id and we find it.", "\"request_id\": \"488683ed1b2820d77b22c2ccf17b2a13\""),
            "Repeat the call with the same Idempotency-Key: it has its effect once. If the error stays, tell us the request id."),
        new(502, "stripe_unavailable", "Stripe does not answer", "Wait, look, then repeat",
            "Stripe could not be reached, or its answer was lost. The sentence says which: nothing was changed, or we are finding out what became of it.",
            Problem(502, "stripe_unavailable", "Bad Gateway", "Stripe cannot be reached right now. Nothing was changed. Try again in a minute."),
            "Wait as many seconds as Retry-After says, look at the list again, then repeat the call. What was in doubt is never done twice."),
        new(503, "billing_not_configured", "Payments are switched off", "Ask the operator",
            "The operator of this installation runs it without payments. Everything else works.",
            Problem(503, "billing_not_configured", "Service Unavailable", "Payments are switched off on this installation. Ask its operator."),
            "Ask the operator. GET /api/billing/config says is_configured before you try."),
        new(503, "unavailable", "Our database cannot answer", "Wait as long as Retry-After says",
            "The service cannot reach its database. Nothing was changed.",
            Body("unavailable", "The service cannot reach its database right now. Nothing was changed. Try again in a few seconds."),
            "Wait as many seconds as Retry-After says, then repeat the call."),
    ];

    /// <summary>Those that a first program meets.</summary>
    public static IReadOnlyList<ApiError> Frequent { get; } = [.. All.Where(e => e.Code is "unauthorized" or "payment_required" or "forbidden" or "rate_limited")];

    /// <summary>An answer of <c>/api</c>, where billing's own codes occur.</summary>
    private static string Problem(int status, string code, string title, string detail, string? facts = null) => $$"""
        {
          "type": "/docs/errors#{{code}}",
          "title": "{{title}}",
          "status": {{status}},
          "detail": "{{detail}}",
          "code": "{{code}}"
        """ + (facts is null ? "\n}" : $$"""
        ,
          "details": { {{facts}} }
        }
        """);

    private static string Body(string code, string message, string? detail = null) => detail is null
        ? $$"""
            {
              "error": {
                "code": "{{code}}",
                "message": "{{message}}"
              }
            }
            """
        : $$"""
            {
              "error": {
                "code": "{{code}}",
                "message": "{{message}}",
                "details": { {{detail}} }
              }
            }
            """;
}
