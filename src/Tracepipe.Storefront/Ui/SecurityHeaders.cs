using System.Buffers.Text;
using System.Security.Cryptography;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ui;

/// <summary>Puts the same protective headers on every answer, errors included, at the moment it starts.</summary>
internal sealed class SecurityHeaders(RequestDelegate next, ContentSecurity policies)
{
    public Task InvokeAsync(HttpContext context)
    {
        context.Response.OnStarting(Protect, (context, policies));
        return next(context);
    }

    private static Task Protect(object state)
    {
        var (context, policies) = ((HttpContext, ContentSecurity))state;
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = ProblemMiddleware.IsApi(context.Request.Path) ? ContentSecurity.OfData : policies.OfPages(context);
        headers.XContentTypeOptions = "nosniff";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Referrer-Policy"] = "strict-origin-when-cross-origin";
        headers["Permissions-Policy"] = policies.Permissions;
        if (context.Request.IsHttps) headers.StrictTransportSecurity = "max-age=31536000; includeSubDomains";
        headers.Remove("blazor-enhanced-nav"); // Turbo navigates, not Blazor
        headers.Remove("X-Frame-Options"); // frame-ancestors says it
        return Task.CompletedTask;
    }
}

/// <summary>
/// The Content-Security-Policy: everything from our own origin, no inline script or style, and the configured Stripe origins. It is the same on all pages,
/// because Turbo keeps the first page's document, and with it that page's policy, while the person walks on.
/// </summary>
internal sealed class ContentSecurity
{
    /// <summary>For answers that are data: nothing in them may run, load or be framed.</summary>
    public const string OfData = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

    private static readonly object NonceKey = new();
    private readonly string beforeNonce;
    private readonly string afterNonce;

    public ContentSecurity(IConfiguration configuration)
    {
        var disabled = configuration.GetValue<bool>("Stripe:Disabled");
        string? Of(string key, string real) => disabled ? null : configuration[key] ?? real;
        var script = Origin(Of("Stripe:JsUrl", "https://js.stripe.com"));
        var api = Origin(Of("Stripe:ApiBase", "https://api.stripe.com"));
        var leaving = Origins(Of("Stripe:CheckoutOrigins", "https://checkout.stripe.com https://billing.stripe.com https://invoice.stripe.com"));
        // What Stripe's own documents ask for when its script is the real one: it frames hooks.stripe.com for 3-D Secure.
        var stripe = script is "https://js.stripe.com";
        var scripts = Join("'self'", script, stripe ? "https://*.js.stripe.com" : null);
        var frames = Join("'self'", script, stripe ? "https://*.js.stripe.com https://hooks.stripe.com" : null);
        var connections = Join("'self'", api, script);
        beforeNonce = $"default-src 'self'; script-src {scripts}; style-src 'self' 'nonce-";
        afterNonce = $"'; img-src 'self' data:; font-src 'self'; connect-src {connections}; frame-src {frames}; form-action {Join(["'self'", .. leaving])}; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";
        var payment = Join("self", script is null ? null : $"\"{script}\"");
        Permissions = $"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=({payment}), usb=(), browsing-topics=()";
    }

    /// <summary>The Permissions-Policy header.</summary>
    public string Permissions { get; }

    /// <summary>The policy of a page, with this request's nonce.</summary>
    public string OfPages(HttpContext context) => string.Concat(beforeNonce, Nonce(context), afterNonce);

    /// <summary>The one secret of this response that lets Turbo add the style of its progress bar; 128 random bits, made when first asked for.</summary>
    public static string Nonce(HttpContext context)
    {
        if (context.Items.TryGetValue(NonceKey, out var known)) return (string)known!;
        var nonce = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));
        context.Items[NonceKey] = nonce;
        return nonce;
    }

    private static string Join(params string?[] parts) => string.Join(' ', parts.Where(p => !string.IsNullOrEmpty(p)).Distinct(StringComparer.Ordinal));

    private static string? Origin(string? address) => Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" ? uri.GetLeftPart(UriPartial.Authority) : null;

    private static IEnumerable<string?> Origins(string? list) => (list ?? "").Split([' ', ',', ';'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(Origin);
}
