using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Site;

/// <summary>What everybody may read: landing page, pricing, documentation. Owns: their words and
/// pictures, the question about a contract. Does not own: any data; prices come from the catalogue.</summary>
internal static class SiteModule
{
    public static WebApplicationBuilder AddSite(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<Inquiries>();
        services.AddSingleton<FreeOfferSource>(s => () => PricingView.Of(s.GetRequiredService<Catalogs>().Current.Prices).FreeOffer);
        services.AddSingleton(new DocsPage(DocsGroup.Start, "Documentation", "/docs", "All pages.", Lucide.BookOpen, 0));
        services.AddSingleton(new DocsPage(DocsGroup.Start, "Quickstart", "/docs/quickstart", "From a key to your first call, in four languages.", Lucide.Zap, 1));
        services.AddSingleton(new DocsPage(DocsGroup.Start, "Capture a trace", "/docs/capture", "Record a browser session with the tools that are built into Chrome.", Lucide.Activity, 2));
        services.AddSingleton(new DocsPage(DocsGroup.Reference, "Errors", "/docs/errors", "Every error code: what it means, an example, what to do.", Lucide.CircleAlert, 2));
        services.AddSingleton(new DocsPage(DocsGroup.Reference, "API reference", "/docs/api", "Every operation with its answers, for people and for programs.", Lucide.Braces, 3));
        services.AddApiDescription();
        services.AddSingleton<ApiDocument>();
        return builder;
    }

    public static WebApplication MapSite(this WebApplication app)
    {
        app.MapGet($"/openapi/{ApiDescription.Name}.json", ApiDocument.SendAsync).AllowAnonymous().ExcludeFromDescription();
        return app;
    }
}
