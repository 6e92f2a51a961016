namespace Tracepipe.Storefront.Platform;

/// <summary>
/// The base of links that leave the site (mails, return addresses). Configured as <c>STRIPE_FRONTEND_URL</c> (<c>Billing:AppUrl</c>); without it the
/// address this node listens on. Never the request's Host header, which the caller chooses.
/// </summary>
internal sealed class PublicAddress(IConfiguration configuration, IServiceProvider services)
{
    /// <summary>Without a slash at the end.</summary>
    public string Base => configuration["Billing:AppUrl"]?.TrimEnd('/') ?? Listening();

    /// <summary>Whether people reach the site by https, as configured.</summary>
    public bool IsHttps => configuration["Billing:AppUrl"]?.StartsWith("https://", StringComparison.OrdinalIgnoreCase) is true;

    /// <summary>An absolute link to a path of ours.</summary>
    public string Link(string path) => Base + path;

    private string Listening()
    {
        var addresses = services.GetRequiredService<Microsoft.AspNetCore.Hosting.Server.IServer>().Features.Get<Microsoft.AspNetCore.Hosting.Server.Features.IServerAddressesFeature>()?.Addresses;
        var first = addresses?.FirstOrDefault() ?? configuration["urls"]?.Split(';')[0] ?? "http://localhost:5080";
        return first.Replace("://0.0.0.0", "://localhost", StringComparison.Ordinal).Replace("://[::]", "://localhost", StringComparison.Ordinal).TrimEnd('/');
    }
}
