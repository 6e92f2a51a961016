using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ui;

/// <summary>How a message is meant.</summary>
public enum Tone { Success, Info, Warning, Danger }

/// <summary>One sentence about what a person just did.</summary>
public sealed record FlashMessage(Tone Tone, string Text);

/// <summary>
/// Carries a sentence over one redirect: a short-lived cookie, encrypted and signed, so that nobody can make the site say something. The next page that is
/// rendered shows it as a toast and forgets it.
/// </summary>
internal sealed class Flash(IDataProtectionProvider protection)
{
    private const string Cookie = "flash";
    private const int Longest = 300;
    private static readonly TimeSpan Lasts = TimeSpan.FromMinutes(1);
    private readonly ITimeLimitedDataProtector protector = protection.CreateProtector("Tracepipe.Flash").ToTimeLimitedDataProtector();

    /// <summary>Says this on the next page. One message at a time: a second one replaces the first.</summary>
    public static void Set(HttpContext context, Tone tone, string text) => context.RequestServices.GetRequiredService<Flash>().Keep(context, new FlashMessage(tone, text.Length <= Longest ? text : text[..Longest]));

    private void Keep(HttpContext context, FlashMessage message) =>
        SiteCookie.Append(context, Cookie, protector.Protect(JsonSerializer.Serialize(message), Lasts), Lasts);

    /// <summary>What is to be said on this page, if anything; it is not said again.</summary>
    public FlashMessage? Take(HttpContext context)
    {
        if (IsPart(context.Request)) return null;
        if (context.Request.Cookies[SiteCookie.NameFor(context, Cookie)] is not { Length: > 0 and < 4000 } kept) return null;
        SiteCookie.Append(context, Cookie, "", TimeSpan.Zero);
        try
        {
            return JsonSerializer.Deserialize<FlashMessage>(protector.Unprotect(kept));
        }
        catch (CryptographicException)
        {
            return null; // forged, expired, or of an installation that shared this host name
        }
    }

    // Fetched ahead of a click, or into a frame: the person does not see toasts of these.
    private static bool IsPart(HttpRequest request) => request.Headers.ContainsKey("Turbo-Frame") || request.Headers["X-Sec-Purpose"].ToString().Contains("prefetch", StringComparison.Ordinal)
        || request.Headers["Sec-Purpose"].ToString().Contains("prefetch", StringComparison.Ordinal);
}
