using Tracepipe.Storefront.Accounts.External;
using Tracepipe.Storefront.Accounts.External.Pages;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Accounts.Sessions;

/// <summary>Where log-out and the buttons of the list of devices lead.</summary>
internal static class DeviceRoutes
{
    private const string Page = "/settings/security";

    public static void MapDevices(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/logout", LogOutAsync).RequireAntiforgery().AllowAnonymous().ExcludeFromDescription();
        var devices = routes.MapGroup($"{Page}/devices").RequireAuthorization().ExcludeFromDescription();
        devices.MapPost("/{id:guid}/end", EndAsync).RequireAntiforgery();
        devices.MapPost("/end-others", EndOthersAsync).RequireAntiforgery();
    }

    private static async Task LogOutAsync(HttpContext context, SessionCookie cookie, ProviderSessions providers, CancellationToken cancel)
    {
        var session = context.User.SessionId();
        await cookie.SignOutAsync(context);
        if (session is { } ended && await providers.TakeAsync(ended, cancel) is var (provider, address)) await LeavingPage.WriteAsync(context, address, provider.Label);
        else context.SeeOther("/login");
    }

    private static async Task EndAsync(Guid id, HttpContext context, SessionCookie cookie, SignedInDevices devices, ProviderSessions providers, CancellationToken cancel)
    {
        if (id == context.User.SessionId()) { await LogOutAsync(context, cookie, providers, cancel); return; }
        if (await devices.EndAsync(context.User.PersonId(), id, cancel)) Flash.Set(context, Tone.Success, "Device signed out");
        else Flash.Set(context, Tone.Info, "That device was signed out already.");
        context.SeeOther(Page);
    }

    private static async Task EndOthersAsync(HttpContext context, SignedInDevices devices, CancellationToken cancel)
    {
        var ended = await devices.EndOthersAsync(context.User.PersonId(), context.User.SessionId(), cancel);
        Flash.Set(context, Tone.Success, $"{Words.Several(ended, "other device", "other devices")} signed out");
        context.SeeOther(Page);
    }
}
