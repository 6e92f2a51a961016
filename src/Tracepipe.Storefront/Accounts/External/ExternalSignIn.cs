using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Identity;
using Tracepipe.Storefront.Accounts.External.Tokens;
using Tracepipe.Storefront.Accounts.LogIn;
using Tracepipe.Storefront.Accounts.Registration;
using Tracepipe.Storefront.Accounts.Sessions;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Accounts.External;

/// <summary>
/// Signing in with a provider from the button to the page behind it: begins it, and decides what somebody who has come back is let in to.
/// </summary>
internal sealed class ExternalSignIn(ExternalIdentities identities, ProviderSessions sessions, LogInDesk desk, UserManager<Person> people, SignInLog log, IDataProtectionProvider protection, TimeProvider clock)
{
    private const string LinkItem = "link";
    private const string ReturnItem = "return";
    private const int LongestReturn = 1000; // the state travels in an address

    private static readonly TimeSpan ProofLasts = TimeSpan.FromMinutes(1);

    private readonly IDataProtector proofs = protection.CreateProtector("Tracepipe.LinkProof");

    /// <summary>Who may link what: written when a person has just proved himself, read when he leaves for the provider a moment later.</summary>
    private sealed record LinkProof(Guid Person, Guid Session, string Provider, DateTimeOffset At);

    /// <summary>Sends the browser to the provider.</summary>
    public Task BeginAsync(HttpContext http, OidcProvider provider, string? returnTo) =>
        LeaveAsync(http, provider, new AuthenticationProperties { Items = { [ReturnItem] = returnTo is { Length: <= LongestReturn } ? returnTo : null } });

    /// <summary>A ticket for <see cref="BeginLinkAsync"/>, good for a minute in this session.</summary>
    public string ProveForLink(HttpContext http, OidcProvider provider) =>
        proofs.Protect(JsonSerializer.Serialize(new LinkProof(http.User.PersonId(), http.User.SessionId()!.Value, provider.Name, clock.GetUtcNow())));

    /// <summary>Sends the browser to the provider to link what it finds there.</summary>
    /// <returns>False when the ticket is another's, another session's, or too old.</returns>
    public async Task<bool> BeginLinkAsync(HttpContext http, OidcProvider provider, string proof)
    {
        LinkProof? read;
        try
        {
            read = JsonSerializer.Deserialize<LinkProof>(proofs.Unprotect(proof));
        }
        catch (CryptographicException)
        {
            return false;
        }
        if (read is null || clock.GetUtcNow() - read.At > ProofLasts || read != new LinkProof(http.User.FindPersonId() ?? Guid.Empty, http.User.SessionId() ?? Guid.Empty, provider.Name, read.At)) return false;
        var properties = new AuthenticationProperties { Items = { [LinkItem] = $"{read.Person:N}.{read.Session:N}" } };
        properties.SetParameter(OidcHandler.Anew, true);
        await LeaveAsync(http, provider, properties);
        return true;
    }

    /// <summary>Somebody has come back and is who the provider says.</summary>
    public async Task ReceiveAsync(HttpContext http, OidcProvider provider, AuthenticationProperties properties)
    {
        // The handler stands before the log-in of this request: whose session the browser has is asked here.
        if ((await http.AuthenticateAsync(SessionCookie.Scheme)).Principal is { } present) http.User = present;
        http.Response.Headers.CacheControl = "no-store";
        var identity = properties.GetParameter<ExternalIdentity>(OidcHandler.Identity)!;
        if (properties.Items.TryGetValue(LinkItem, out var link) && link is not null) await LinkAsync(http, provider, identity, link);
        else await AdmitAsync(http, provider, identity, properties);
    }

    /// <summary>Ends at the page that says why nobody came in.</summary>
    public async Task FailAsync(HttpContext http, OidcProvider provider, SignInProblem problem, string detail, Guid? person = null)
    {
        await log.FailedAsync(http, provider, problem, person, detail);
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Redirect("/login/problem" + QueryString.Create("provider", provider.Name).Add("reason", SignInWords.Of(problem, "").Code).Add("reference", http.TraceIdentifier));
    }

    /// <summary>Makes the person who has opened the mailed link in the browser he began with, and lets him in.</summary>
    /// <returns>False when the link is used or the address has got an account meanwhile.</returns>
    public async Task<bool> CompleteAsync(HttpContext http, OidcProvider provider, PendingIdentity pending)
    {
        if (await identities.CompleteAsync(pending, Tried.NetworkOf(http.Connection.RemoteIpAddress), http.RequestAborted) is not { } person) return false;
        await desk.AdmitAsync(http, person);
        await log.SucceededAsync(http, provider, "registered", person.Id);
        return true;
    }

    private async Task LeaveAsync(HttpContext http, OidcProvider provider, AuthenticationProperties properties)
    {
        http.Response.Headers.CacheControl = "no-store";
        properties.RedirectUri = "/"; // where to go is ours to decide on return
        try
        {
            await http.ChallengeAsync(provider.Scheme, properties);
        }
        catch (ProviderUnavailableException away)
        {
            await FailAsync(http, provider, SignInProblem.Unreachable, away.Message);
        }
    }

    private async Task AdmitAsync(HttpContext http, OidcProvider provider, ExternalIdentity identity, AuthenticationProperties properties)
    {
        var cancel = http.RequestAborted;
        var address = Tried.NetworkOf(http.Connection.RemoteIpAddress);
        var person = await identities.FindAsync(identity, cancel) is { } known ? await people.FindByIdAsync(known.ToString()) : null;
        var isNew = person is null;
        if (person is null)
        {
            if (identity.Email is null) { await FailAsync(http, provider, SignInProblem.NoEmail, "the provider tells no address"); return; }
            if (!identity.IsEmailVerified)
            {
                var wait = await identities.AskForProofAsync(identity, provider.Name, RegisteringBrowser.Keep(http), address, cancel);
                if (wait is not null) { await FailAsync(http, provider, SignInProblem.TooMany, "too many mails from the network"); return; }
                await log.SucceededAsync(http, provider, "proof_asked", person: null);
                http.Response.Redirect("/check-your-mail");
                return;
            }
            person = await identities.RegisterAsync(identity, provider.Name, address, cancel);
            if (person is null) { await FailAsync(http, provider, SignInProblem.EmailTaken, "the address has an account"); return; }
        }
        await log.SucceededAsync(http, provider, isNew ? "registered" : "signed_in", person.Id);
        var session = await desk.AdmitAsync(http, person);
        await sessions.KeepAsync(session, provider, properties.GetParameter<string>(OidcHandler.IdToken)!, cancel);
        var returnTo = properties.Items.TryGetValue(ReturnItem, out var wish) ? wish : null;
        http.Response.Redirect(returnTo is not null && ReturnUrl.IsLocal(returnTo) ? returnTo : "/dashboard");
    }

    private async Task LinkAsync(HttpContext http, OidcProvider provider, ExternalIdentity identity, string link)
    {
        // The session that comes back must be the one that left: else an identity would land in an account that somebody else has open here.
        if (http.User.FindPersonId() is not { } person || http.User.SessionId() is not { } session || !string.Equals(link, $"{person:N}.{session:N}", StringComparison.Ordinal))
        {
            await FailAsync(http, provider, SignInProblem.OtherSession, "linking came back to another session");
            return;
        }
        if (!await identities.LinkAsync(person, identity, provider, Tried.NetworkOf(http.Connection.RemoteIpAddress), http.RequestAborted))
        {
            await FailAsync(http, provider, SignInProblem.LinkedElsewhere, "the identity opens another account", person);
            return;
        }
        await log.SucceededAsync(http, provider, "linked", person);
        Flash.Set(http, Tone.Success, $"{provider.Label} linked");
        http.Response.Redirect("/settings/security");
    }
}
