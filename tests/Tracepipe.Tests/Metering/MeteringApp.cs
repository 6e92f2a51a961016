using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Keys;

namespace Tracepipe.Tests.Metering;

/// <summary>The product with the sold API's backend beside it: organizations on a plan, a service key, and its calls.</summary>
public class MeteringApp(TestServers servers) : KeysApp(servers)
{
    private string? service;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        service = (await Services.GetRequiredService<ServiceKeys>().CreateAsync("Backend", CancellationToken.None)).Secret;
    }

    /// <summary>The backend's key.</summary>
    public string Service => service!;

    /// <summary>An organization, with this plan since an hour.</summary>
    public async Task<Guid> NewOrganizationAsync(string? plan = null)
    {
        var organization = (await NewOwnerAsync()).OrganizationId;
        if (plan is not null) await SetPlanAsync(organization, plan);
        return organization;
    }

    public async Task SetPlanAsync(Guid organization, string plan)
    {
        var start = Clock.GetUtcNow().AddHours(-1);
        await ChangeAsync(organization, (standings, transaction) => standings.SetPlanAsync(organization,
            new Plan(plan, PlanSource.Stripe, Services.GetRequiredService<Catalogs>().Current.Number, "active", start, Period.Monthly(start, Clock.GetUtcNow()), null, null), transaction, CancellationToken.None));
    }

    public Task SuspendAsync(Guid organization) => ChangeAsync(organization, (standings, transaction) => standings.SuspendAsync(organization, isSuspended: true, transaction, CancellationToken.None));

    /// <summary>The backend's call with a JSON text.</summary>
    public Task<HttpResponseMessage> ServiceAsync(string path, string json = "{}") => PostAsync(Service, path, json);

    /// <summary>Asks for a hold; returns the status and the body.</summary>
    public async Task<(int Status, JsonElement Body)> HoldAsync(Guid organization, string id, long quantity = 1, int? expiresIn = null)
    {
        using var response = await ServiceAsync("/v1/holds", string.Create(CultureInfo.InvariantCulture,
            $$"""{"organization_id":"{{organization}}","meter":"workflow","quantity":{{quantity}},"id":"{{id}}"{{(expiresIn is { } s ? $",\"expires_in\":{s}" : "")}}}"""));
        return ((int)response.StatusCode, JsonElement.Parse(await response.Content.ReadAsStringAsync()));
    }

    /// <summary>Commits, releases or renews.</summary>
    public async Task<(int Status, JsonElement Body)> SettleAsync(string verb, string id, string json = "{}")
    {
        using var response = await ServiceAsync($"/v1/holds/{id}/{verb}", json);
        return ((int)response.StatusCode, JsonElement.Parse(await response.Content.ReadAsStringAsync()));
    }

    /// <summary>The reason in a refusal.</summary>
    public static string? Reason(JsonElement body) => body.GetProperty("error").GetProperty("details").GetProperty("reason").GetString();

    public Task<decimal> UsedAsync(Guid organization, string pocket) => ScalarAsync<decimal>($"select coalesce(sum(used), 0) from quotas where organization_id = '{organization}' and pocket = '{pocket}'");

    public Task<decimal> HeldAsync(Guid organization) => ScalarAsync<decimal>($"select coalesce(sum(held), 0) from quotas where organization_id = '{organization}'");

    public Task<long> RecordsAsync(Guid organization) => ScalarAsync<long>($"select count(*) from usage_records where organization_id = '{organization}'");

    /// <summary>Runs a subcommand of the same program on this app's database and returns what it printed.</summary>
    public async Task<string> RunAsync(string words, params (string Name, string Value)[] options)
    {
        var typed = words.Split(' ');
        var verb = Services.GetServices<Subcommand>().Where(v => typed.Take(v.Words.Count).SequenceEqual(v.Words)).MaxBy(v => v.Words.Count)!;
        var configuration = Services.GetRequiredService<Microsoft.Extensions.Configuration.IConfiguration>();
        foreach (var (name, value) in options) configuration[name] = value;
        var output = new StringWriter(new StringBuilder(), CultureInfo.InvariantCulture);
        try
        {
            await using var scope = Services.CreateAsyncScope();
            Assert.Equal(0, await verb.RunAsync(scope.ServiceProvider, [.. typed.Skip(verb.Words.Count)], output, CancellationToken.None));
        }
        finally
        {
            foreach (var (name, _) in options) configuration[name] = null;
        }
        return output.ToString();
    }

    private async Task ChangeAsync(Guid organization, Func<Standings, Transaction, Task> change)
    {
        await using var transaction = await Services.GetRequiredService<Database>().BeginAsync(organization, null, CancellationToken.None);
        await change(Services.GetRequiredService<Standings>(), transaction);
        await transaction.CommitAsync(CancellationToken.None);
    }
}
