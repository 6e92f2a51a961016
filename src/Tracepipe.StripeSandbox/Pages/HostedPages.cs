namespace Tracepipe.StripeSandbox.Pages;

/// <summary>The pages that a customer visits at the sandbox.</summary>
internal static class HostedPages
{
    public static void MapHostedPages(this IEndpointRouteBuilder routes)
    {
        ArgumentNullException.ThrowIfNull(routes);
    }
}
