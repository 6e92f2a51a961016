using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Keys;

/// <summary>Service keys on the command line: whoever may start the program may make them.</summary>
internal static class ServiceKeyCommands
{
    public static IServiceCollection AddServiceKeyCommands(this IServiceCollection services) => services
        .AddSubcommand("service-key create", "[--name NAME]", CreateAsync)
        .AddSubcommand("service-key list", "", ListAsync)
        .AddSubcommand("service-key revoke", "ID", RevokeAsync);

    /// <summary>Prints the key and nothing else on standard output, so that a script can keep it.</summary>
    private static async Task<int> CreateAsync(IServiceProvider services, IReadOnlyList<string> words, TextWriter output, CancellationToken cancel)
    {
        if (words.Count > 0) throw new StartupException("Write: service-key create [--name NAME].");
        var name = services.GetRequiredService<IConfiguration>()["name"]?.Trim() is { Length: > 0 } typed ? typed : "Service key";
        if (name.Length > 100 || name.Any(char.IsControl)) throw new StartupException("Give the key a name of at most 100 characters, on one line.");
        var (_, secret) = await services.GetRequiredService<ServiceKeys>().CreateAsync(name, cancel);
        await output.WriteLineAsync(secret);
        return 0;
    }

    private static async Task<int> ListAsync(IServiceProvider services, IReadOnlyList<string> words, TextWriter output, CancellationToken cancel)
    {
        foreach (var key in await services.GetRequiredService<ServiceKeys>().ListAsync(cancel))
            await output.WriteLineAsync($"{key.Id}  {key.Masked}  {key.CreatedAt:yyyy-MM-dd HH:mm}  {(key.RevokedAt is { } end ? $"revoked {end:yyyy-MM-dd HH:mm}" : "works")}  {key.Name}");
        return 0;
    }

    private static async Task<int> RevokeAsync(IServiceProvider services, IReadOnlyList<string> words, TextWriter output, CancellationToken cancel)
    {
        if (words is not [var text] || !Guid.TryParse(text, out var id)) throw new StartupException("Name one key by its id: service-key revoke ID (service-key list shows them).");
        if (!await services.GetRequiredService<ServiceKeys>().RevokeAsync(id, cancel)) throw new StartupException($"No service key {id} works: service-key list shows them.");
        await output.WriteLineAsync($"{id} is revoked.");
        return 0;
    }
}
