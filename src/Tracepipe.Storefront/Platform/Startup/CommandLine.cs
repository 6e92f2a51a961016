namespace Tracepipe.Storefront.Platform;

/// <summary>
/// What was typed after the program's name. Flags without a value (<c>--demo</c>, <c>--selftest</c>) and subcommands (<c>operator add …</c>) are taken
/// out before the host reads the rest, because its parser would take the next argument for a flag's value.
/// </summary>
internal sealed class CommandLine
{
    private static readonly string[] Flags = ["--demo", "--selftest", "--help"];
    private static readonly string[] Known = ["--urls", "--data", "--sandbox-urls", "--environment"];

    private CommandLine(IReadOnlySet<string> flags, IReadOnlyList<string> command, string[] rest)
    {
        Set = flags;
        Command = command;
        Rest = rest;
    }

    private IReadOnlySet<string> Set { get; }

    /// <summary>The words of a subcommand, such as <c>operator add ada@example.com</c>; empty when the program is to serve.</summary>
    public IReadOnlyList<string> Command { get; }

    /// <summary>What is left for the host's own configuration: <c>--urls …</c> and the like.</summary>
    public string[] Rest { get; }

    public bool Demo => Set.Contains("--demo");

    public bool SelfTest => Set.Contains("--selftest");

    public bool Help => Set.Contains("--help");

    /// <exception cref="StartupException">A flag that is not known, or one without its value.</exception>
    public static CommandLine Parse(IReadOnlyList<string> args)
    {
        var flags = new HashSet<string>(StringComparer.Ordinal);
        var command = new List<string>();
        var rest = new List<string>();
        for (var i = 0; i < args.Count; i++)
        {
            var arg = args[i];
            if (Flags.Contains(arg, StringComparer.Ordinal)) { flags.Add(arg); continue; }
            if (!arg.StartsWith("--", StringComparison.Ordinal)) { command.Add(arg); continue; }
            var equals = arg.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? arg : arg[..equals];
            // Configuration keys ("--Keys:RequirePaymentMethod=true") pass; a misspelt switch stops the start.
            if (!Known.Contains(name, StringComparer.Ordinal) && !name.Contains(':', StringComparison.Ordinal) && command.Count == 0)
                throw new StartupException($"{arg} is not a flag of Tracepipe: use --urls, --data, --sandbox-urls, --demo or --selftest.");
            rest.Add(arg);
            if (equals >= 0) continue;
            if (i + 1 >= args.Count) throw new StartupException($"{arg} needs a value: write {arg} VALUE.");
            rest.Add(args[++i]);
        }
        return new CommandLine(flags, command, [.. rest]);
    }
}
