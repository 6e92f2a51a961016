using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Simulation;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Billing;

namespace Tracepipe.Tests.Simulation;

/// <summary>One history, taken step by step by the product and by the rules.</summary>
internal sealed class Drive
{
    private readonly SimulationApp app;
    private readonly World world = new();
    private readonly Guid[] organizations;
    private readonly Provider provider;
    private readonly Books books;

    private Drive(SimulationApp app, Guid[] organizations)
    {
        (this.app, this.organizations) = (app, organizations);
        provider = new Provider(app, organizations);
        books = new Books(app, organizations);
    }

    /// <returns>Where product and rules part for the first time; null when they do not.</returns>
    public static async Task<string?> LiveAsync(SimulationApp app, int seed, int length)
    {
        // Whatever was before it, a history begins on the 20th of a month.
        var month = Period.CalendarMonth(app.Now);
        await app.PassToAsync(month.End.AddDays(19).AddHours(12));
        var drive = new Drive(app, [await app.NewOrganizationAsync(), await app.NewOrganizationAsync()]);
        foreach (var organization in drive.organizations)
        {
            await app.CustomerAsync(organization);
            Assert.True((await app.Services.GetRequiredService<PaymentMethods>().AttachAsync(organization, "pm_card_visa", asDefault: true, Actor.System, default)).IsDone);
        }
        await drive.provider.BeginAsync();
        var told = new StringBuilder($"seed {seed}");
        foreach (var step in Histories.Of(seed, length))
        {
            told.Append(CultureInfo.InvariantCulture, $"\n  {app.Now:yyyy-MM-dd HH:mm} {Said(step)}");
            if (await drive.StepAsync(step) is { } difference) return $"{told}\n{difference}";
        }
        return null;
    }

    private static string Said(Step step) => step is Report report ? $"Report {report.Who} {string.Join(' ', report.Events)}" : step.ToString();

    private async Task<string?> StepAsync(Step step)
    {
        var at = World.After(step, app.Now);
        await app.PassToAsync(at);
        string product;
        try
        {
            product = await TakeAsync(step);
        }
        catch (Exception failure) when (failure is not Xunit.Sdk.IAssertionException)
        {
            product = failure.ToString();
        }
        var rules = world.Take(step, at);
        if (product != rules) return $"The product answers “{product}”, the rules “{rules}”.";
        var (described, broken) = await books.ReadAsync();
        for (var who = 0; who < organizations.Length; who++)
            if (described[who] != world.Describe(who)) return $"Of organization {who}:\n{Difference(described[who], world.Describe(who))}";
        return broken;
    }

    private static string Difference(string product, string rules)
    {
        var (here, there) = (product.Split('\n'), rules.Split('\n'));
        if (here.Order(StringComparer.Ordinal).SequenceEqual(there.Order(StringComparer.Ordinal), StringComparer.Ordinal)) return $"  product: {product}\n  rules:   {rules}";
        return string.Join('\n', here.Except(there, StringComparer.Ordinal).Select(l => $"  product: {l}").Concat(there.Except(here, StringComparer.Ordinal).Select(l => $"  rules:   {l}")));
    }

    private async Task<string> TakeAsync(Step step)
    {
        var organization = step is StepOf { Who: var who } ? organizations[who] : default;
        switch (step)
        {
            case TopUp buy:
                await provider.BuyAsync(buy.Who, buy.Cents);
                return "bought";
            case GiveBack back:
                if (world.PurchaseOf(back) is not var (purchase, cents)) return "none";
                await provider.GiveBackAsync(back.Who, purchase, cents);
                return "refunded";
            case Deliver deliver:
                await HearAsync(deliver.Order, deliver.Times);
                return "delivered";
            case TakeHold take:
                return await AtOnceAsync(take.Times, () => HoldAsync(take));
            case CommitHold commit:
                if (world.HoldOf(commit.Who, commit.Hold) is not { } committed) return "none";
                return await AtOnceAsync(commit.Times, () => CallAsync($"/v1/holds/{Name(commit.Who, committed)}/commit", commit.Units == 0 ? "{}" : $$"""{"quantity":{{commit.Units}}}""", b => b.GetProperty("state").GetString()!));
            case ReleaseHold release:
                if (world.HoldOf(release.Who, release.Hold) is not { } released) return "none";
                return await CallAsync($"/v1/holds/{Name(release.Who, released)}/release", "{}", b => b.GetProperty("state").GetString()!);
            case Report report:
                return await ReportAsync(organization, [.. report.Events.Select(e => (e.Name, e.Tokens, app.Now.AddMinutes(-e.Age)))], report.Who);
            case ReportAgain again:
                return world.ReportOf(again) is { } before ? await SendAsync(reports[again.Who][before]) : "none";
            case SetCap set:
                return $"paid {(await app.Services.GetRequiredService<SpendCaps>().SetAsync(organization, set.Cents is { } cap ? Money.Usd(cap) : null, Actor.System, default)).Value.Minor}";
            case SwitchCard turned:
                await app.Services.GetRequiredService<BillingAccounts>().SetAutoBillingAsync(organization, turned.IsOn, Actor.System, default);
                return "switched";
            case ChangePlan plan:
                var version = app.Services.GetRequiredService<Catalogs>().Current.Number;
                await app.Services.GetRequiredService<LifetimePlans>().SetContractAsync(organization, plan.Tier is { } tier ? (tier, version) : null, null, Actor.System, default);
                return "changed";
            case PayHeldBack:
                return $"paid {(await app.Services.GetRequiredService<SpendCaps>().PayHeldBackAsync(organization, Actor.System, default)).Minor}";
            case Generate generate:
                var made = await Workers.GenerateAsync(app, organization, generate.Crash);
                return made is { } invoice ? $"made {await app.ScalarAsync<long>($"select total_cents from invoices where id = '{invoice}'")}" : "nothing";
            case PayInvoice pay:
                return world.InvoiceOf(pay) is { } number ? await PayAsync(organization, number) : "none";
            case Correct correct:
                return await CorrectAsync(correct);
            case Pass pass:
                await Workers.WorkAsync(app, pass.Crash);
                return "passed";
            case PassToMonth pass:
                await Workers.WorkAsync(app, pass.Crash);
                return "passed";
            default:
                throw new ArgumentOutOfRangeException(nameof(step), step, "Not a step.");
        }
    }

    private readonly List<string>[] reports = [[], []];

    private string Name(int who, int hold) => $"{organizations[who]:N}-{hold}";

    private async Task HearAsync(int order, int times)
    {
        for (var who = 0; who < organizations.Length; who++)
            foreach (var purchase in world.UntoldOf(who, order)) await provider.TellAsync(who, purchase, order, times);
        await provider.TellAllAsync(order, times);
    }

    private Task<string> HoldAsync(TakeHold take) => CallAsync("/v1/holds",
        $$"""{"organization_id":"{{organizations[take.Who]}}","meter":"workflow","quantity":{{take.Units}},"id":"{{Name(take.Who, world.NextHoldOf(take.Who))}}","expires_in":{{take.Minutes * 60}}}""",
        b => string.Join(", ", b.GetProperty("parts").EnumerateArray().Select(p => $"{p.Text("pocket")} {p.Number("quantity")}")));

    /// <summary>The same said several times at once is answered the same.</summary>
    private static async Task<string> AtOnceAsync(int times, Func<Task<string>> call)
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, times).Select(_ => call()));
        return string.Join(" or ", answers.Distinct(StringComparer.Ordinal));
    }

    private async Task<string> CallAsync(string path, string json, Func<JsonElement, string> said)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await app.CallAsync(app.Service, path, HttpMethod.Post, content);
        var body = JsonElement.Parse(await response.Content.ReadAsStringAsync());
        if (response.IsSuccessStatusCode) return $"{(int)response.StatusCode} {said(body)}";
        var error = body.GetProperty("error");
        return $"{(int)response.StatusCode} {(error.TryGetProperty("details", out var details) && details.ValueKind is JsonValueKind.Object && details.TryGetProperty("reason", out var reason) ? reason.GetString() : error.Text("code"))}";
    }

    private Task<string> ReportAsync(Guid organization, IReadOnlyList<(int Name, int Tokens, DateTimeOffset At)> events, int who)
    {
        var json = $"[{string.Join(',', events.Select(e => string.Create(CultureInfo.InvariantCulture,
            $$"""{"specversion":"1.0","id":"{{e.Name}}","source":"/simulation","type":"tokens","subject":"{{organization}}","time":"{{e.At.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}}","data":{"quantity":{{e.Tokens}}} }""")))}]";
        reports[who].Add(json);
        return SendAsync(json);
    }

    private async Task<string> SendAsync(string json)
    {
        var answer = await CallAsync("/v1/events", json, b => $"accepted={b.Number("accepted")} duplicates={b.Number("duplicates")} conflicts={b.Number("conflicts")} rejected={b.Number("rejected")}");
        await app.Services.GetRequiredService<UsageSettler>().SettleAsync(default(CancellationToken));
        return answer;
    }

    private async Task<string> PayAsync(Guid organization, int number)
    {
        var id = await app.ScalarAsync<Guid>($"select id from invoices where organization_id = '{organization}' and kind = 'usage' order by number offset {number} limit 1");
        var paid = await app.Services.GetRequiredService<UsageInvoices>().PayAsync(organization, id, null, Actor.System, default);
        return paid.IsDone ? paid.Value.Status is "succeeded" ? "paid" : paid.Value.Status : paid.Problem.Status.ToString(CultureInfo.InvariantCulture);
    }

    private async Task<string> CorrectAsync(Correct correct)
    {
        await HearAsync(0, 1);
        // The rules are asked only now: what was heard may have come before.
        if (world.RecordOf(correct) is not var (hold, pocket, name)) return "none";
        var organization = organizations[correct.Who];
        var record = name is { } number
            ? await app.ScalarAsync<Guid>($"select digest from usage_events where organization_id = '{organization}' and event_id = '{number}'")
            : await app.ScalarAsync<Guid>($"select id from usage_records where organization_id = '{organization}' and hold_id = '{Name(correct.Who, hold)}' and pocket = '{pocket}'");
        var issued = await app.Services.GetRequiredService<CreditNotes>().IssueAsync(organization, record, "Was no use", Actor.System, default);
        await HearAsync(0, 1);
        return issued.IsDone ? $"credited {issued.Value.Amount.Minor}" : issued.Problem.Status.ToString(CultureInfo.InvariantCulture);
    }
}
