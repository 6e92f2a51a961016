using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Organizations;

namespace Tracepipe.Tests.Simulation;

/// <summary>What the product's workers do at a moment, and a process that ends once on the way and is followed by another.</summary>
internal static class Workers
{
    public static async Task WorkAsync(SimulationApp app, string? crash)
    {
        await app.Services.GetRequiredService<Holds>().SweepAsync(default);
        await CrashingAsync(app, crash, async () =>
        {
            await CloseAsync(app);
            await PushAsync(app);
        });
        await CrashingAsync(app, crash: null, async () =>
        {
            await CloseAsync(app);
            await ResumeAsync(app);
        });
        await app.Services.GetRequiredService<Dunning>().RunDueAsync(default);
    }

    public static async Task<Guid?> GenerateAsync(SimulationApp app, Guid organization, string? crash)
    {
        Guid? made = null;
        await CrashingAsync(app, crash, async () =>
        {
            made = await app.Services.GetRequiredService<MonthlyClose>().GenerateAsync(organization, Actor.System, default);
            await PushAsync(app);
        });
        await ResumeAsync(app);
        return made;
    }

    private static async Task CloseAsync(SimulationApp app)
    {
        while (await app.Services.GetRequiredService<MonthlyClose>().CloseDueAsync(default) > 0)
        {
            // what was carried into a month that is over, too, closes with the next round
        }
    }

    private static async Task PushAsync(SimulationApp app)
    {
        while (await app.Services.GetRequiredService<UsageInvoicePush>().PushDueAsync(default) > 0)
        {
            // eight at a time
        }
    }

    /// <summary>Another process takes up what has stopped, as it does when the lease of the first has run out.</summary>
    private static async Task ResumeAsync(SimulationApp app)
    {
        foreach (var (organization, id) in await StoppedAsync(app, "status = 'draft'")) await app.Services.GetRequiredService<UsageInvoicePush>().PushAsync(organization, id, default);
        foreach (var (organization, id) in await StoppedAsync(app, "status = 'open' and retry_at is not null and dunning_since is null")) await app.Services.GetRequiredService<UsageInvoices>().TryAsync(organization, id, default);
    }

    private static async Task<IReadOnlyList<(Guid Organization, Guid Id)>> StoppedAsync(SimulationApp app, string which)
    {
        var found = await app.ScalarAsync<string?>($"select string_agg(organization_id || ' ' || id, ',' order by number) from invoices where kind = 'usage' and {which}");
        return [.. (found ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries).Select(f => (Guid.Parse(f.Split(' ')[0]), Guid.Parse(f.Split(' ')[1])))];
    }

    private static async Task CrashingAsync(SimulationApp app, string? crash, Func<Task> work)
    {
        var ended = 0;
        app.Faults.Reached = (place, _) => place == crash && Interlocked.Exchange(ref ended, 1) == 0 ? throw new InvalidOperationException("The process ends here.") : Task.CompletedTask;
        try
        {
            await work();
        }
        finally
        {
            app.Faults.Reached = null;
        }
    }
}
