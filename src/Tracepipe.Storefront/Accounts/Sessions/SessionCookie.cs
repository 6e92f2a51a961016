using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.Sessions;

/// <summary>Signs a browser in and out, and checks the session behind its cookie on every request.</summary>
internal sealed class SessionCookie(SignedInDevices devices) : CookieAuthenticationEvents
{
    public const string Scheme = "Identity.Application";
    public const string Name = "tracepipe";

    /// <summary>Begins a session with a new ticket; whatever session the browser had before is over.</summary>
    public async Task<Guid> SignInAsync(HttpContext http, Person person)
    {
        var session = await devices.BeginAsync(person.Id, http.User.SessionId(), http, http.RequestAborted);
        var facts = new SessionFacts(person.Id, person.SecurityStamp!, person.DisplayName, person.Email!);
        await http.SignInAsync(Scheme, Principal(session, facts), new AuthenticationProperties { IsPersistent = true });
        return session;
    }

    /// <summary>Ends the session on the server too: the old cookie is worth nothing afterwards.</summary>
    public async Task SignOutAsync(HttpContext http)
    {
        if (http.User.SessionId() is { } session) await devices.EndAsync(http.User.PersonId(), session, http.RequestAborted);
        await http.SignOutAsync(Scheme);
    }

    public override async Task ValidatePrincipal(CookieValidatePrincipalContext context)
    {
        var user = context.Principal!;
        var facts = user.SessionId() is { } session && user.FindFirstValue(PersonClaims.Stamp) is { } stamp ? await devices.CheckAsync(session, stamp, context.HttpContext) : null;
        if (facts is null)
        {
            context.RejectPrincipal();
            await context.HttpContext.SignOutAsync(Scheme);
            return;
        }
        context.ReplacePrincipal(Principal(user.SessionId()!.Value, facts));
    }

    // Relative, because the Host header is the caller's choice.
    public override Task RedirectToLogin(RedirectContext<CookieAuthenticationOptions> context)
    {
        var request = context.Request;
        if (ProblemMiddleware.IsApi(request.Path)) return Problem.Unauthorized("Log in, or send an API key in the X-API-Key header.").WriteAsync(context.HttpContext);
        var back = request.Path + (HttpMethods.IsGet(request.Method) ? request.QueryString : QueryString.Empty);
        context.Response.Redirect("/login" + QueryString.Create("returnUrl", back));
        return Task.CompletedTask;
    }

    public override Task RedirectToAccessDenied(RedirectContext<CookieAuthenticationOptions> context)
    {
        context.Response.StatusCode = StatusCodes.Status403Forbidden;
        return Task.CompletedTask;
    }

    private static ClaimsPrincipal Principal(Guid session, SessionFacts facts) => new(new ClaimsIdentity(
    [
        new(ClaimTypes.NameIdentifier, facts.PersonId.ToString()),
        new(ClaimTypes.Name, facts.Name),
        new(ClaimTypes.Email, facts.Email),
        new(PersonClaims.Session, session.ToString()),
        new(PersonClaims.Stamp, facts.Stamp),
    ], Scheme));
}
