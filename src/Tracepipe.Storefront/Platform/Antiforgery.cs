using Microsoft.AspNetCore.Antiforgery;

namespace Tracepipe.Storefront.Platform;

/// <summary>Routes that are not pages but take a form's post: they check the page's antiforgery token like pages do.</summary>
internal static class AntiforgeryRoutes
{
    public static RouteHandlerBuilder RequireAntiforgery(this RouteHandlerBuilder route)
    {
        route.WithMetadata(new Required());
        return route.AddEndpointFilter(async (context, next) =>
            context.HttpContext.Features.Get<IAntiforgeryValidationFeature>() is { IsValid: true } ? await next(context) : TypedResults.StatusCode(StatusCodes.Status400BadRequest));
    }

    private sealed class Required : IAntiforgeryMetadata
    {
        public bool RequiresValidation => true;
    }
}
