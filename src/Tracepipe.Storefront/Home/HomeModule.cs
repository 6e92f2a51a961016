using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Home;

/// <summary>
/// Where a signed-in person arrives. Owns: the frame around signed-in pages and the dashboard. Does not own: any data; it asks the modules below.
/// </summary>
internal static class HomeModule
{
    public static WebApplicationBuilder AddHome(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<Frame>();
        services.AddSingleton<DashboardReader>();
        services.AddSingleton<MembershipsAtHand>(s => s.GetRequiredService<Frame>().MembershipsAsync);
        services.AddSingleton<ShellSource>(s => s.GetRequiredService<Frame>().ReadAsync);
        services.AddSingleton(new NavItem(NavSection.Main, "Dashboard", "/dashboard", Lucide.LayoutDashboard, 0));
        return builder;
    }

    public static WebApplication MapHome(this WebApplication app) => app;
}
