using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Tracepipe.Storefront.Ui;

/// <summary>
/// How the product looks. Owns: the document, layouts and shared components, built assets, security headers, error pages, theme and flash cookies. Does not
/// own: any page of a feature, or who may see it; what the frame around a page shows comes in through <see cref="ShellSource"/>, <see cref="NavItem"/> and
/// <see cref="PaymentsBanner"/>.
/// </summary>
internal static class UiModule
{
    public static WebApplicationBuilder AddUi(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddRazorComponents();
        services.AddCascadingAuthenticationState();
        services.AddSingleton<IStartupFilter, OuterPipeline>();
        services.AddSingleton<ContentSecurity>();
        services.AddSingleton<AssetFiles>();
        services.AddSingleton<Flash>();
        services.AddOptions<Brand>().BindConfiguration("Brand").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton(s => s.GetRequiredService<Microsoft.Extensions.Options.IOptions<Brand>>().Value);
        services.TryAddSingleton<FreeOfferSource>(_ => static () => null);
        services.TryAddSingleton<PaymentsBanner>(_ => static () => false);
        services.TryAddSingleton<ShellSource>(_ => static (_, _) => ValueTask.FromResult<ShellView?>(null));
        return builder;
    }

    public static WebApplication MapUi(this WebApplication app)
    {
        app.Use(UnknownIsNotFound);
        app.MapAssets();
        app.MapTheme();
        app.MapRazorComponents<App>();
        return app;
    }

    // Before anybody is asked to log in: an address that does not exist is not found, for everyone.
    private static Task UnknownIsNotFound(HttpContext context, RequestDelegate next)
    {
        if (context.GetEndpoint() is not null) return next(context);
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }

    /// <summary>What stands around every request, whatever order the modules are mapped in.</summary>
    private sealed class OuterPipeline : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.UseMiddleware<SecurityHeaders>();
            app.UseMiddleware<ErrorPages>();
            next(app);
        };
    }
}
