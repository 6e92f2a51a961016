using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Tracepipe.Postgres;

/// <summary>Where a server listens: a Unix socket in a folder of its own, or on Windows a port of the loopback interface.</summary>
internal sealed record Endpoint(string Host, int Port)
{
    private const string Prefix = "tracepipe-";
    private const int LongestSocketPath = 103; // bytes in sockaddr_un, the smaller one of macOS, less its final zero

    public bool IsSocket => Host.StartsWith('/');

    /// <summary>Makes a place to listen at that only the server's account and we can reach.</summary>
    public static Endpoint Make(ServerAccount? account)
    {
        if (OperatingSystem.IsWindows()) return new Endpoint(IPAddress.Loopback.ToString(), FreePort());

        var folder = Directory.CreateTempSubdirectory(Prefix); // mode 0700
        if (!Suits(folder.FullName))
        {
            folder.Delete();
            folder = Directory.CreateDirectory("/tmp/" + Prefix + Path.GetRandomFileName(), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        account?.Own(folder.FullName);
        return new Endpoint(folder.FullName, 5432);
    }

    /// <summary>The settings, for postgres' command line, that make it listen here and nowhere else.</summary>
    public string Settings => IsSocket
        ? $"-c listen_addresses= -c unix_socket_directories={Host} -c unix_socket_permissions=0700 -c port={Port.ToString(CultureInfo.InvariantCulture)}"
        : $"-c listen_addresses={Host} -c unix_socket_directories= -c port={Port.ToString(CultureInfo.InvariantCulture)}";

    public string ConnectionString(string database, string password) => new NpgsqlConnectionStringBuilder
    {
        Host = Host,
        Port = Port,
        Username = Cluster.Superuser,
        Password = password,
        Database = database,
        SslMode = SslMode.Disable,
        GssEncryptionMode = GssEncryptionMode.Disable,
    }.ConnectionString;

    /// <summary>Removes what a server that is gone may have left. Only folders that <see cref="Make"/> made.</summary>
    public void Remove()
    {
        if (!IsSocket || !Path.GetFileName(Host).StartsWith(Prefix, StringComparison.Ordinal) || !Directory.Exists(Host)) return;
        var socket = Path.Combine(Host, ".s.PGSQL." + Port.ToString(CultureInfo.InvariantCulture));
        File.Delete(socket);
        File.Delete(socket + ".lock");
        Directory.Delete(Host);
    }

    /// <summary>The temporary folder comes from the environment: it may be too long for a socket, or need quotes in a shell.</summary>
    private static bool Suits(string folder) =>
        folder.Length + "/.s.PGSQL.5432".Length <= LongestSocketPath
        && folder.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '/' or '-' or '_' or '.');

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
