using System.Net;
using Microsoft.AspNetCore.HostFiltering;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;
using IPNetwork = System.Net.IPNetwork;

namespace Tracepipe.Storefront.Platform;

/// <summary>
/// What is believed of the network: the Host header only for names this installation has, forwarded addresses only from proxies that are configured
/// (<c>Proxies:Known</c>: addresses or ranges, separated by commas).
/// </summary>
internal static class Edge
{
    public static void AddEdge(this WebApplicationBuilder builder)
    {
        var configuration = builder.Configuration;
        var known = Known(configuration);
        builder.Services.Configure<ForwardedHeadersOptions>(forwarded =>
        {
            forwarded.KnownProxies.Clear(); // loopback is trusted by default: any program on the machine could then name its own address
            forwarded.KnownIPNetworks.Clear();
            foreach (var network in known) forwarded.KnownIPNetworks.Add(network);
            forwarded.ForwardedHeaders = known.Count == 0 ? ForwardedHeaders.None : ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost;
            forwarded.ForwardLimit = null; // as far back as the proxies are known
        });
        if (string.IsNullOrWhiteSpace(configuration["AllowedHosts"]))
            builder.Services.Configure<HostFilteringOptions>(filter => filter.AllowedHosts = [.. Hosts(configuration)]);
    }

    /// <summary>First in line, so that everything behind it counts and logs the caller's own address. Nothing stands there when no proxy is configured.</summary>
    public static void UseEdge(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<ForwardedHeadersOptions>>().Value.ForwardedHeaders != ForwardedHeaders.None) app.UseForwardedHeaders();
    }

    private static List<IPNetwork> Known(IConfiguration configuration)
    {
        var section = configuration.GetSection("Proxies:Known");
        var texts = section.GetChildren().Select(c => c.Value ?? "").Prepend(section.Value ?? "").SelectMany(v => v.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
        var networks = new List<IPNetwork>();
        foreach (var text in texts)
        {
            if (IPAddress.TryParse(text, out var address)) networks.Add(new IPNetwork(address, address.GetAddressBytes().Length * 8));
            else if (IPNetwork.TryParse(text, out var network)) networks.Add(network);
            else throw new StartupException($"Proxies__Known has “{text}”, which is neither an address nor a range: write 10.0.0.5 or 10.0.0.0/8, several separated by commas.");
        }
        return networks;
    }

    /// <summary>The public name, the names it listens under and this machine itself; every name when it listens on all addresses and no public one is configured.</summary>
    internal static IReadOnlyList<string> Hosts(IConfiguration configuration)
    {
        var hosts = new List<string> { "localhost", "127.0.0.1", "[::1]" };
        var isPublic = Uri.TryCreate(configuration["Billing:AppUrl"], UriKind.Absolute, out var address);
        if (isPublic) hosts.Add(address!.Host);
        var urls = configuration["urls"]?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
        var isOpen = urls.Length == 0 && (configuration["HTTP_PORTS"] is not null || configuration.GetSection("Kestrel:Endpoints").Exists());
        foreach (var url in urls)
        {
            var listening = BindingAddress.Parse(url);
            if (listening.Host is "0.0.0.0" or "[::]" or "*" or "+") isOpen = true;
            else if (!listening.IsUnixPipe) hosts.Add(listening.Host);
        }
        return isOpen && !isPublic ? ["*"] : hosts;
    }
}
