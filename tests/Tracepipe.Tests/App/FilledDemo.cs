using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Npgsql;
using Tracepipe.Storefront;
using Tracepipe.Storefront.Demo;
using Tracepipe.Storefront.Platform;
using Xunit;

namespace Tracepipe.Tests.App;

/// <summary>A demo of forty days, made twice, then served as the product serves it.</summary>
public partial class FilledDemo(TestServers servers) : IAsyncLifetime
{
    private readonly string folder = Path.Combine(Path.GetTempPath(), "tracepipe-demo-" + Guid.CreateVersion7().ToString("N")[20..]);
    private string database = "";

    /// <summary>How far back it goes.</summary>
    protected virtual int Days => 40;

    internal StorefrontApp App { get; private set; } = null!;

    public string Password { get; private set; } = "";

    public string SecondSaid { get; private set; } = "";

    /// <summary>How much of everything there is.</summary>
    public IReadOnlyList<string> Before { get; private set; } = [];

    public IReadOnlyList<string> After { get; private set; } = [];

    public async ValueTask InitializeAsync()
    {
        database = await servers.NewDatabaseAsync();
        var command = CommandLine.Parse(["--urls", "http://127.0.0.1:0", "--sandbox-urls", "http://127.0.0.1:0", "--data", folder, "--environment", "Development"]);
        await using var said = new StringWriter();
        await DemoFill.RunAsync(command, Product.Modules, Days, Configure, said, default);
        Password = Printed().Match(said.ToString()).Groups["password"].Value;
        Before = await CountsAsync();
        await using var again = new StringWriter();
        await DemoFill.RunAsync(command, Product.Modules, Days, Configure, again, default);
        SecondSaid = again.ToString();
        After = await CountsAsync();
        App = await StorefrontApp.StartAsync(command, Product.Modules, Configure, listen: true, default);
    }

    public async ValueTask DisposeAsync()
    {
        if (App is not null) await App.DisposeAsync();
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>The first column, as the superuser sees it.</summary>
    public async Task<IReadOnlyList<string>> RowsAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync()) rows.Add(reader.GetString(0));
        return rows;
    }

    private async Task<IReadOnlyList<string>> CountsAsync()
    {
        var tables = await RowsAsync("select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1");
        return await RowsAsync(string.Join(" union all ", tables.Select(t => $"select '{t} ' || count(*) from {t}")) + " order by 1");
    }

    private void Configure(WebApplicationBuilder builder) => builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
    {
        ["ConnectionStrings:Tracepipe"] = database,
        ["Database:AllowUnsafeSettings"] = "true",
        ["Logging:LogLevel:Default"] = "Critical",
    });

    [GeneratedRegex("password (?<password>[a-z2-9]{4}(-[a-z2-9]{4}){3})", RegexOptions.ExplicitCapture, 1000)]
    internal static partial Regex Printed();
}
