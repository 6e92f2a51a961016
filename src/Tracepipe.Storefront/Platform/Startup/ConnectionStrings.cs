using Npgsql;

namespace Tracepipe.Storefront.Platform;

/// <summary>Reads a PostgreSQL address in either of its two usual forms.</summary>
internal static class ConnectionStrings
{
    /// <summary>Takes <c>Host=…;Database=…</c> or <c>postgres://user:password@host:port/database?sslmode=require</c>.</summary>
    /// <exception cref="StartupException">It is neither.</exception>
    public static string Parse(string text)
    {
        try
        {
            if (text.StartsWith("postgres://", StringComparison.Ordinal) || text.StartsWith("postgresql://", StringComparison.Ordinal)) return FromUrl(new Uri(text));
            var settings = new NpgsqlConnectionStringBuilder(text);
            if (!string.IsNullOrEmpty(settings.Host)) return settings.ConnectionString;
        }
        catch (Exception wrong) when (wrong is ArgumentException or UriFormatException or FormatException or KeyNotFoundException)
        {
            throw new StartupException(Wrong, wrong);
        }
        throw new StartupException(Wrong);
    }

    private const string Wrong = "ConnectionStrings__Tracepipe (or DATABASE_URL) cannot be read: write Host=…;Database=…;Username=…;Password=… or postgres://user:password@host:5432/database.";

    private static string FromUrl(Uri url)
    {
        if (url.Host.Length == 0 || url.AbsolutePath.Length < 2) throw new StartupException(Wrong);
        var user = url.UserInfo.Split(':', 2);
        var settings = new NpgsqlConnectionStringBuilder
        {
            Host = url.Host,
            Port = url.Port > 0 ? url.Port : 5432,
            Database = Uri.UnescapeDataString(url.AbsolutePath.TrimStart('/')),
            Username = user[0].Length > 0 ? Uri.UnescapeDataString(user[0]) : null,
            Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : null,
        };
        foreach (var pair in url.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = pair.Split('=', 2);
            var value = parts.Length > 1 ? Uri.UnescapeDataString(parts[1]) : "";
            if (string.Equals(parts[0], "sslmode", StringComparison.OrdinalIgnoreCase)) settings["SSL Mode"] = value.Replace("-", "", StringComparison.Ordinal);
            else settings[parts[0]] = value;
        }
        return settings.ConnectionString;
    }
}
