using System.Diagnostics;
using System.Net.Sockets;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Startup;

/// <summary>Catches: a start that fails without saying what to do, data that does not survive, a server left behind.</summary>
public sealed class StartupTests : IAsyncLifetime
{
    private readonly string data = Scratch.NewPath();
    private readonly List<ProductProcess> started = [];

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var product in started) await product.EndAsync();
        // A server that outlived a killed product is adopted and stopped in the orderly way.
        if (!Directory.Exists(data)) return;
        if (await IsPostgresRunningAsync())
        {
            await using var last = Start();
            await last.ReadyAsync();
            last.Interrupt();
            await last.ExitAsync();
        }
        Directory.Delete(data, recursive: true);
    }

    private string[] Addresses() => ["--urls", $"http://127.0.0.1:{ProductProcess.FreePort()}", "--sandbox-urls", $"http://127.0.0.1:{ProductProcess.FreePort()}"];

    private ProductProcess Start(params string[] more)
    {
        var product = ProductProcess.Start([.. more.Contains("--urls") ? [] : Addresses(), "--data", data, .. more]);
        started.Add(product);
        return product;
    }

    [Fact]
    public async Task Ctrl_C_stops_everything_within_five_seconds_and_the_next_start_finds_the_data()
    {
        var first = Start();
        var address = await first.ReadyAsync();
        Assert.Equal("ok", await HealthAsync(address));
        await File.WriteAllTextAsync(Path.Combine(data, "mine.txt"), "kept");

        var watch = Stopwatch.StartNew();
        first.Interrupt();
        Assert.Equal(0, await first.ExitAsync(TimeSpan.FromSeconds(5)));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5));
        Assert.False(await IsPostgresRunningAsync());

        var second = Start();
        Assert.Equal("ok", await HealthAsync(await second.ReadyAsync()));
        Assert.DoesNotContain(second.Output, l => l.Contains("applied", StringComparison.Ordinal)); // the schema was there
        Assert.True(File.Exists(Path.Combine(data, "mine.txt")));
    }

    [Fact]
    public async Task After_a_kill_the_next_start_adopts_the_server_that_was_left()
    {
        var first = Start();
        await first.ReadyAsync();
        await first.KillAsync();
        Assert.True(await IsPostgresRunningAsync());

        var second = Start();
        Assert.Equal("ok", await HealthAsync(await second.ReadyAsync()));
        second.Interrupt();
        Assert.Equal(0, await second.ExitAsync(TimeSpan.FromSeconds(5)));
        Assert.False(await IsPostgresRunningAsync());
    }

    [Fact]
    public async Task Two_instances_do_not_share_a_data_folder()
    {
        var first = Start();
        await first.ReadyAsync();
        var second = Start();
        Assert.Equal(1, await second.ExitAsync());
        var said = Assert.Single(second.Errors, l => l.Length > 0);
        Assert.Contains(data, said, StringComparison.Ordinal);
        Assert.Contains("--data", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_subcommand_works_beside_the_instance_that_serves()
    {
        var addresses = Addresses();
        var first = Start(addresses);
        var address = await first.ReadyAsync();
        await using var command = ProductProcess.Start(["service-key", "create", "--name", "Backend", "--data", data]);
        Assert.Equal(0, await command.ExitAsync());
        var key = command.Output.Last(l => l.StartsWith("tp_svc_", StringComparison.Ordinal));

        // The running instance takes the key and goes on.
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(address, "/v1/holds/nothing/release"));
        request.Headers.Add("X-API-Key", key);
        using var response = await TestApp.Http.SendAsync(request);
        Assert.Equal(System.Net.HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal("ok", await HealthAsync(address));

        // the catalogue's commands are the same program, too, here with the keys of a new account
        await using var diff = ProductProcess.Start(["catalog", "diff", "--data", data], new() { ["Stripe__ApiBase"] = addresses[^1], ["STRIPE_SECRET_KEY"] = "sk_test_0123456789abcdef" });
        Assert.True(await diff.ExitAsync() == 0, string.Join('\n', [.. diff.Output, .. diff.Errors]));
        Assert.Contains(diff.Output, l => l.Contains("create price pro_monthly: $79.00 a month", StringComparison.Ordinal));
        Assert.Contains(diff.Output, l => l.Contains("Nothing was changed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_wrong_catalogue_is_named_by_the_path_of_its_field_and_nothing_is_sold()
    {
        var file = Path.GetTempFileName();
        var sold = await File.ReadAllTextAsync(Path.Combine(Tracepipe.Storefront.Platform.Paths.Project, "catalog.json"));
        await File.WriteAllTextAsync(file, sold.Replace("\"price_cents\": 7900", "\"price_cents\": -7900", StringComparison.Ordinal));
        await using var product = ProductProcess.Start([.. Addresses(), "--data", data], new() { ["Catalog__File"] = file });
        Assert.Equal(1, await product.ExitAsync());
        Assert.Contains("tiers[2].price_cents", Assert.Single(product.Errors, l => l.Length > 0), StringComparison.Ordinal);
        File.Delete(file);
    }

    [Fact]
    public async Task An_occupied_port_is_named()
    {
        using var other = new TcpListener(System.Net.IPAddress.Loopback, 0);
        other.Start();
        var port = ((System.Net.IPEndPoint)other.LocalEndpoint).Port;
        var product = Start("--urls", $"http://127.0.0.1:{port}", "--sandbox-urls", $"http://127.0.0.1:{ProductProcess.FreePort()}");
        Assert.Equal(1, await product.ExitAsync());
        var said = Assert.Single(product.Errors, l => l.Length > 0);
        Assert.Contains(port.ToString(), said, StringComparison.Ordinal);
        Assert.Contains("--urls", said, StringComparison.Ordinal);
        Assert.False(Directory.Exists(data)); // and nothing was begun for it
    }

    [Fact]
    public async Task An_occupied_port_of_the_sandbox_is_named()
    {
        using var other = new TcpListener(System.Net.IPAddress.Loopback, 0);
        other.Start();
        var port = ((System.Net.IPEndPoint)other.LocalEndpoint).Port;
        var product = Start("--urls", $"http://127.0.0.1:{ProductProcess.FreePort()}", "--sandbox-urls", $"http://127.0.0.1:{port}");
        Assert.Equal(1, await product.ExitAsync());
        Assert.Contains("--sandbox-urls", Assert.Single(product.Errors, l => l.Length > 0), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Host=127.0.0.1;Port=1;Database=x;Username=y;Password=secret-in-here", "127.0.0.1:1")]
    [InlineData("nonsense", "ConnectionStrings__Tracepipe")]
    [InlineData("postgres://", "DATABASE_URL")]
    public async Task A_wrong_connection_string_says_what_to_write(string connection, string expected)
    {
        await using var product = ProductProcess.Start(Addresses(), new() { ["DATABASE_URL"] = connection });
        Assert.Equal(1, await product.ExitAsync());
        var said = Assert.Single(product.Errors, l => l.Length > 0);
        Assert.Contains(expected, said, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-in-here", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_is_named()
    {
        await using var product = ProductProcess.Start([.. Addresses(), "--data", "/proc/tracepipe"]);
        Assert.Equal(1, await product.ExitAsync());
        Assert.Contains("/proc/tracepipe", Assert.Single(product.Errors, l => l.Length > 0), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--uls", "http://127.0.0.1:1")]
    [InlineData("--urls")]
    [InlineData("fly", "away")]
    public async Task A_misspelt_argument_is_named(params string[] arguments)
    {
        await using var product = ProductProcess.Start([.. arguments.Contains("fly") ? ["--data", data] : Array.Empty<string>(), .. arguments]);
        Assert.Equal(1, await product.ExitAsync());
        Assert.Contains(arguments[0], Assert.Single(product.Errors, l => l.Length > 0), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, null, null, "Stripe__Sandbox")]
    [InlineData("sk_live_0123456789abcdef", "http://127.0.0.1:1", "whsec_0123456789abcdef0123456789", "live")]
    [InlineData("sk_test_0123456789abcdef", null, "", "STRIPE_WEBHOOK_SECRET")]
    [InlineData("sk_test_0123456789abcdef", null, "whsec_short", "STRIPE_WEBHOOK_SECRET")]
    [InlineData("sk_test_0123456789abcdef", null, "whsec_0123456789abcdef0123456789", "Smtp__Host")]
    [InlineData("pk_test_0123456789abcdef", null, "whsec_0123456789abcdef0123456789", "STRIPE_SECRET_KEY")]
    public async Task Production_refuses_what_would_lose_money(string? key, string? apiBase, string? secret, string expected)
    {
        await using var product = ProductProcess.Start([.. Addresses(), "--data", data], new()
        {
            ["ASPNETCORE_ENVIRONMENT"] = "Production", ["STRIPE_SECRET_KEY"] = key, ["Stripe__ApiBase"] = apiBase, ["STRIPE_WEBHOOK_SECRET"] = secret,
        });
        Assert.Equal(1, await product.ExitAsync(TimeSpan.FromSeconds(5)));
        Assert.Contains(expected, Assert.Single(product.Errors, l => l.Length > 0), StringComparison.Ordinal);
        Assert.False(Directory.Exists(data)); // nothing was begun
    }

    private static async Task<string> HealthAsync(Uri address)
    {
        var body = await TestApp.Http.GetStringAsync(new Uri(address, "/health/ready"));
        return System.Text.Json.JsonElement.Parse(body).GetProperty("status").GetString()!;
    }

    private async Task<bool> IsPostgresRunningAsync()
    {
        using var list = Process.Start(new ProcessStartInfo("ps", "-eo args") { RedirectStandardOutput = true })!;
        var lines = await list.StandardOutput.ReadToEndAsync();
        await list.WaitForExitAsync();
        return lines.Split('\n').Any(l => l.Contains("postgres", StringComparison.Ordinal) && l.Contains(data, StringComparison.Ordinal));
    }
}
