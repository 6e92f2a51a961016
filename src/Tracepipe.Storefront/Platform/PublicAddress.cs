namespace Tracepipe.Storefront.Platform;

/// <summary>
/// The base of links that leave the site (mails, return addresses). Configured as <c>STRIPE_FRONTEND_URL</c> (<c>Billing:AppUrl</c>); without it the
/// address this node listens on. Never the request's Host header, which the caller chooses.
/// </summary>
internal sealed class PublicAddress(IConfiguration configuration, IServiceProvider services)
{
    /// <summary>Where it listens when nothing is configured.</summary>
    public const string Default = "http://localhost:5080";

    /// <summary>Without a slash at the end.</summary>
    public string Base => configuration["Billing:AppUrl"]?.TrimEnd('/') ?? Listening();

    /// <summary>Whether people reach the site by https, as configured.</summary>
    public bool IsHttps => configuration["Billing:AppUrl"]?.StartsWith("https://", StringComparison.OrdinalIgnoreCase) is true;

    /// <summary>An absolute link to a path of ours.</summary>
    public string Link(string path) => Base + path;

    /// <summary>Where a node that listens on these addresses is reached from its own machine: the first of them, a wildcard host replaced; without a slash at the end.</summary>
    public static string Reachable(string urls)
    {
        var first = urls.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).FirstOrDefault() ?? Default;
        foreach (var wildcard in (string[])["://*", "://+", "://0.0.0.0", "://[::]"]) first = first.Replace(wildcard, "://localhost", StringComparison.Ordinal);
        return first.TrimEnd('/');
    }

    private string Listening()
    {
        var addresses = services.GetRequiredService<Microsoft.AspNetCore.Hosting.Server.IServer>().Features.Get<Microsoft.AspNetCore.Hosting.Server.Features.IServerAddressesFeature>()?.Addresses;
        return Reachable(addresses?.FirstOrDefault() ?? configuration["urls"] ?? Default);
    }
}
