using Microsoft.AspNetCore.Mvc;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>Where Stripe delivers: verifies the signature over the bytes as they came, stores the event, and only then answers 2xx.</summary>
internal static partial class WebhookEndpoint
{
    private const int LargestBody = 1024 * 1024;

    public static void MapStripeWebhook(this IEndpointRouteBuilder routes) =>
        routes.MapPost("/webhooks/stripe", ReceiveAsync).AllowAnonymous().DisableAntiforgery().WithMetadata(new RequestSizeLimitAttribute(LargestBody)).ExcludeFromDescription();

    private static async Task<IResult> ReceiveAsync(HttpContext http, StripeConnection stripe, Inbox inbox, TimeProvider clock, ILogger<Inbox> log, CancellationToken cancel)
    {
        if (!stripe.IsConfigured) return BillingProblems.NotConfigured.ToResult();
        var header = http.Request.Headers[StripeSignature.HeaderName];
        if (header.Count != 1) return Refused(log, header.Count == 0 ? SignatureVerdict.Missing : SignatureVerdict.Malformed);

        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, cancel); // beyond the limit it throws, which becomes 413
        var raw = body.GetBuffer().AsMemory(0, (int)body.Length);
        var verdict = StripeSignature.Verify(raw.Span, header[0], stripe.WebhookSecrets, clock.GetUtcNow());
        if (!verdict.IsValid) return Refused(log, verdict.Verdict);
        if (!StripeNotice.TryRead(raw, out var received))
            return Problem.BadRequest("The body is signed, but it is no event of Stripe's v1 API.").ToResult();

        await inbox.StoreAsync(received, raw, cancel);
        return TypedResults.Ok();
    }

    private static ProblemAnswer Refused(ILogger log, SignatureVerdict verdict)
    {
        Unsigned(log, verdict);
        return Problem.BadRequest("The Stripe-Signature header does not sign this body.").ToResult();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A webhook was refused: its signature is {Verdict}")]
    private static partial void Unsigned(ILogger log, SignatureVerdict verdict);
}
