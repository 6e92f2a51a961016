namespace Tracepipe.Storefront.Platform;

/// <summary>Where things are: never relative to the project folder, into which <c>dotnet run --project</c> moves.</summary>
internal static class Paths
{
    /// <summary>The repository's root when the program runs from a checkout, else the shell's folder.</summary>
    public static string Root { get; } = Up(AppContext.BaseDirectory, "Tracepipe.slnx") ?? Shell;

    /// <summary>The folder the person typed the command in (<c>PWD</c>).</summary>
    public static string Shell => Environment.GetEnvironmentVariable("PWD") is { Length: > 0 } pwd && Directory.Exists(pwd) ? pwd : Directory.GetCurrentDirectory();

    /// <summary>The folder that holds the built assets and, in a checkout, <c>node_modules</c>.</summary>
    public static string Project { get; } = Up(AppContext.BaseDirectory, "Tracepipe.slnx") is { } root
        ? Path.Combine(root, "src", "Tracepipe.Storefront")
        : AppContext.BaseDirectory;

    /// <summary>A path somebody typed: absolute, or relative to the shell's folder.</summary>
    public static string Typed(string path) => Path.GetFullPath(path, Shell);

    private static string? Up(string from, string marker)
    {
        for (var folder = new DirectoryInfo(from); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, marker))) return folder.FullName;
        return null;
    }
}
