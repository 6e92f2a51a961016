using Microsoft.AspNetCore.Antiforgery;

namespace Tracepipe.Storefront.Platform;

/// <summary>Every form carries the token of the page it stood on; a post without it never reaches its page or route.</summary>
internal static class AntiforgeryRoutes
{
    /// <summary>Checks the tokens, and answers a wrong one with status 400 and no body, which becomes a page with words.</summary>
    public static void UseCheckedForms(this WebApplication app)
    {
        app.UseAntiforgery();
        app.Use((context, next) =>
        {
            if (context.Features.Get<IAntiforgeryValidationFeature>() is not { IsValid: false }) return next(context);
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return Task.CompletedTask;
        });
    }

    /// <summary>For routes that are not pages but take a form's post.</summary>
    public static TBuilder RequireAntiforgery<TBuilder>(this TBuilder routes) where TBuilder : IEndpointConventionBuilder => routes.WithMetadata(new Required());

    private sealed class Required : IAntiforgeryMetadata
    {
        public bool RequiresValidation => true;
    }
}
