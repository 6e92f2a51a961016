using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Tracepipe.Storefront.Platform;

/// <summary>Ports of this machine, asked before anything is started for them.</summary>
internal static class Ports
{
    /// <summary>Whether another program listens at one of these addresses. Who takes a free one a moment later is found when we listen ourselves.</summary>
    /// <param name="urls">As <c>--urls</c> takes them, separated by semicolons; what is no address of this machine is left to whoever listens there.</param>
    public static bool AreTaken(string urls)
    {
        foreach (var url in urls.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            BindingAddress address;
            try
            {
                address = BindingAddress.Parse(url);
            }
            catch (FormatException)
            {
                continue; // the server says so, in its own words
            }
            if (!address.IsUnixPipe && address.Port != 0 && HostsOf(address.Host).Any(host => IsTaken(new IPEndPoint(host, address.Port)))) return true;
        }
        return false;
    }

    /// <summary>Whether this is how a server says that another program listens at its address.</summary>
    public static bool IsAbout(IOException failure) => failure.InnerException is AddressInUseException || failure.Message.Contains("address already in use", StringComparison.OrdinalIgnoreCase);

    private static IEnumerable<IPAddress> HostsOf(string host) =>
        IPAddress.TryParse(host.Trim('[', ']'), out var literal) ? [literal]
        : host is "*" or "+" ? [IPAddress.Any]
        : string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase) ? [IPAddress.Loopback, IPAddress.IPv6Loopback] : [];

    private static bool IsTaken(IPEndPoint at)
    {
        try
        {
            using var probe = new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            probe.Bind(at);
            probe.Listen(1);
            return false;
        }
        catch (SocketException failure)
        {
            return failure.SocketErrorCode is SocketError.AddressAlreadyInUse; // what else is wrong with it, the server says
        }
    }
}
