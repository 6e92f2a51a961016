using Microsoft.Net.Http.Headers;

namespace Tracepipe.StripeSandbox.Js;

/// <summary>
/// The script <c>/js/dahlia/stripe.js</c> and the frames it opens on host pages.
/// Owns: what a browser loads to collect a card. Does not own: the API those frames call, nor the challenge page.
/// </summary>
internal static class StandIn
{
    private static readonly string[] Frames = ["payment", "controller"];
    private static readonly string[] FrameFiles =
        ["payment.js", "controller.js", "challenge.js", "api.js", "appearance.js", "card.js", "channel.js", "payment.css"];

    public static void MapStandIn(this IEndpointRouteBuilder routes)
    {
        var script = new Asset("text/javascript", HostScript());
        routes.MapGet("/js/dahlia/stripe.js", script.Send);
        foreach (var file in FrameFiles)
        {
            routes.MapGet($"/elements/{file}", Asset.Embedded($"Js/Frame/{file}").Send);
        }
        foreach (var name in Frames)
        {
            var page = Asset.Text($"Js/Frame/{name}.html");
            routes.MapGet($"/elements/{name}", (HttpContext http, string? host, string? scheme) => SendFrame(http, page, host, scheme));
        }
    }

    /// <summary>The parts in the order of their names, closed off from the page's own globals.</summary>
    private static string HostScript() => $$"""
        // Stand-in for Stripe.js, release "dahlia", of a local sandbox: no real money, no real cards.
        (() => {
        'use strict';
        {{string.Join('\n', Asset.Names("Js/Host/").Select(Asset.Text))}}
        })();
        """;

    private static IResult SendFrame(HttpContext http, string page, string? host, string? scheme)
    {
        if (HostOrigin(host) is not { } origin) return Results.Text("This frame needs the origin of the page around it: ?host=https://…", "text/plain", null, 400);
        var headers = http.Response.Headers;
        headers.ContentSecurityPolicy =
            $"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {origin}";
        headers[HeaderNames.XContentTypeOptions] = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
        return Results.Content(page.Replace("{{scheme}}", scheme is "dark" ? "dark" : "light", StringComparison.Ordinal), "text/html; charset=utf-8");
    }

    /// <summary>Scheme, name and port of the page around a frame; null when that is not an origin.</summary>
    internal static string? HostOrigin(string? host) =>
        Uri.TryCreate(host, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" && address.PathAndQuery == "/" && address.UserInfo.Length == 0
            ? address.GetLeftPart(UriPartial.Authority)
            : null;
}
