using System.Runtime.ExceptionServices;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OAuth;
using Tracepipe.Storefront.Accounts.External.Tokens;

namespace Tracepipe.Storefront.Accounts.External;

/// <summary>Leads what the handler finds to <see cref="ExternalSignIn"/>.</summary>
internal sealed class OidcEvents(ExternalSignIn signIn) : OAuthEvents
{
    public override async Task TicketReceived(TicketReceivedContext context)
    {
        await signIn.ReceiveAsync(context.HttpContext, Of(context.Options), context.Properties!);
        context.HandleResponse();
    }

    public override async Task RemoteFailure(RemoteFailureContext context)
    {
        var (problem, detail) = context.Failure switch
        {
            SignInRefusedException refused => (refused.Problem, refused.Message),
            ProviderUnavailableException away => (SignInProblem.Unreachable, away.Message),
            AuthenticationFailureException answered when answered.Data["error"] is string error => (SignInProblem.Refused, $"the provider answered {OidcHandler.Plain(error)}"),
            AuthenticationFailureException => (SignInProblem.Expired, "the state is missing, or not this browser's"),
            var other => (default(SignInProblem?), other?.Message ?? ""),
        };
        if (problem is null) ExceptionDispatchInfo.Throw(context.Failure!); // ours: the database is away, or worse
        await signIn.FailAsync(context.HttpContext, Of(context.Options), problem.Value, detail);
        context.HandleResponse();
    }

    private static OidcProvider Of(AuthenticationSchemeOptions options) => ((OidcSchemeOptions)options).Provider;
}
