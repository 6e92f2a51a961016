using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Api;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Pages.Dashboard;

/// <summary>What a developer looks at and turns: objects, events, deliveries, clock, faults, coverage. Without script.</summary>
internal static class DashboardPages
{
    private const int PageSize = 50;

    public static void MapDashboard(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/", Start);
        routes.MapGet("/dashboard/coverage", (HttpContext http) => Page.Of<CoveragePage>(http, new Dictionary<string, object?> { ["Operations"] = CoverageRow.All() }));
        var account = routes.MapGroup("/dashboard/{account}");
        account.MapGet("/", Objects);
        account.MapGet("/coverage", (HttpContext http, Accounts accounts, string account) => Show<CoveragePage>(http, accounts, account, "Coverage", _ => new() { ["Operations"] = CoverageRow.All() }));
        account.MapGet("/objects/{id}", Object);
        account.MapGet("/events", Events);
        account.MapGet("/deliveries", DeliveriesOf);
        account.MapPost("/events/{id}/resend", Resend);
        account.MapGet("/clock", (HttpContext http, Accounts accounts, string account) => Show<ClockPage>(http, accounts, account, "Clock", found => new()
        {
            ["Clock"] = new ClockView(found.Now, found.Shift, [.. found.Read(work => work.All(Clocks.Kind).Select(ClockView.OfTestClock).ToList())]),
        }));
        account.MapPost("/clock", MoveClockAsync);
        account.MapGet("/faults", (HttpContext http, Accounts accounts, string account) => ShowFaults(http, accounts, account, null));
        account.MapPost("/faults", OrderFaultAsync);
        account.MapPost("/faults/clear", (HttpContext http, Accounts accounts, string account) => Change(http, accounts, account, "faults", found => found.Faults.Clear()));
        account.MapPost("/reset", (HttpContext http, Accounts accounts, string account) => Change(http, accounts, account, "", found =>
        {
            found.Faults.Clear();
            found.Reset();
        }));
    }

    private static IResult Start(HttpContext http, Accounts accounts) => accounts.All.ToList() switch
    {
        [var only] => Results.Redirect($"/dashboard/{AccountView.Of(only).Name}"),
        var all => Page.Of<AccountsPage>(http, new Dictionary<string, object?> { ["Accounts"] = all.Select(AccountView.Of).ToList() }),
    };

    private static IResult Objects(HttpContext http, Accounts accounts, string account, string? kind, string? after) => Show<ObjectsPage>(http, accounts, account, "Objects", found => found.Read(work =>
    {
        var kinds = found.Counts.Where(k => !k.Key.StartsWith('_') && k.Key != "event").OrderBy(k => k.Key, StringComparer.Ordinal).Select(k => new KindView(k.Key, k.Value)).ToList();
        var chosen = kind ?? kinds.MaxBy(k => k.Name == "customer" ? int.MaxValue : k.Count)?.Name;
        var rows = chosen is null ? [] : work.All(chosen).SkipWhile(d => after is not null && d.Id != after).Skip(after is null ? 0 : 1).Take(PageSize + 1).Select(ObjectRow.Of).ToList();
        return new Dictionary<string, object?> { ["Kinds"] = kinds, ["Kind"] = chosen, ["Rows"] = rows.Take(PageSize).ToList(), ["HasMore"] = rows.Count > PageSize };
    }));

    private static IResult Object(HttpContext http, Accounts accounts, string account, string id) => Show<ObjectPage>(http, accounts, account, "Objects", found => found.Read(work =>
    {
        if (work.Find(id) is not { } doc || doc.Kind.StartsWith('_')) return null;
        var told = doc.Kind == "event" ? [] : work.All("event").Where(e => e["data.object.id"] == id).Take(PageSize).Select(EventRow.Of).ToList();
        return new Dictionary<string, object?>
        {
            ["Id"] = id, ["Kind"] = doc.Kind, ["Parts"] = JsonPart.Of(Rendering.Render(work, doc), other => other != id && work.Find(other) is { } there && !there.Kind.StartsWith('_')),
            ["Events"] = told, ["Deliveries"] = doc.Kind == "event" ? DeliveryRow.Of(work, id) : null,
        };
    }));

    private static IResult Events(HttpContext http, Accounts accounts, string account, string? type, string? after) => Show<EventsPage>(http, accounts, account, "Events", found => found.Read(work =>
    {
        var rows = work.All("event").Where(e => string.IsNullOrWhiteSpace(type) || e["type"]!.StartsWith(type.Trim().TrimEnd('*'), StringComparison.Ordinal))
            .SkipWhile(d => after is not null && d.Id != after).Skip(after is null ? 0 : 1).Take(PageSize + 1).Select(EventRow.Of).ToList();
        return new Dictionary<string, object?> { ["Type"] = type, ["Rows"] = rows.Take(PageSize).ToList(), ["HasMore"] = rows.Count > PageSize };
    }));

    private static IResult DeliveriesOf(HttpContext http, Accounts accounts, string account) => Show<DeliveriesPage>(http, accounts, account, "Deliveries", found => found.Read(work => new Dictionary<string, object?>
    {
        ["Rows"] = DeliveryRow.Of(work, null).Take(2 * PageSize).ToList(),
        ["Endpoints"] = work.All(WebhookEndpoints.Kind).Select(EndpointRow.Of).ToList(),
    }));

    private static IResult Resend(HttpContext http, Accounts accounts, string account, string id) => Change(http, accounts, account, $"objects/{id}", found => found.Write(null, work =>
    {
        if (work.Find("event", id) is not { } told) return;
        foreach (var endpoint in work.All(WebhookEndpoints.Kind).Where(e => e.Status == "enabled").ToList()) Deliveries.Resend(work, told, endpoint.Id);
    }));

    private static async Task<IResult> MoveClockAsync(HttpContext http, Accounts accounts, string account)
    {
        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        var by = long.TryParse(form["amount"], out var amount) && amount is > 0 and <= 2000 ? TimeSpan.FromHours(form["unit"] == "days" ? amount * 24 : amount) : TimeSpan.Zero;
        return Change(http, accounts, account, "clock", found => found.MoveClock(by));
    }

    private static async Task<IResult> OrderFaultAsync(HttpContext http, Accounts accounts, string account)
    {
        if (AccountView.Find(accounts, account) is not { } found) return Page.NotFound(http);
        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        var operation = form["operation"].ToString().Split(' ', 2);
        try
        {
            Faults.Order(found, new JsonObject
            {
                ["kind"] = form["kind"].ToString(), ["method"] = operation[0].Length > 0 ? operation[0] : "*", ["path"] = operation.Length == 2 ? operation[1] : null,
                ["count"] = Number(form["count"], 1, 1000), ["percent"] = Number(form["percent"], 1, 100), ["delay_ms"] = Number(form["delay_ms"], 0, 600_000),
                ["should_retry"] = form["should_retry"].ToString() switch { "true" => true, "false" => false, _ => null },
            });
        }
        catch (StripeError refusal)
        {
            return ShowFaults(http, accounts, account, refusal.Message);
        }
        return Page.SeeOther(http, $"/dashboard/{account}/faults");

        static int Number(string? text, int least, int most) => int.TryParse(text, out var number) && number >= least && number <= most
            ? number : throw StripeError.Invalid($"Numbers here go from {least} to {most}.");
    }

    private static IResult ShowFaults(HttpContext http, Accounts accounts, string account, string? error) => Show<FaultsPage>(http, accounts, account, "Faults", found => new()
    {
        ["Rows"] = found.Faults.All.Select(f => new FaultRow(f.Fault.Kind, f.Method, f.Path, f.Count, f.Percent)).ToList(),
        ["Operations"] = CoverageRow.All().Where(o => o.IsImplemented).Select(o => $"{o.Method} {o.Path}").ToList(),
        ["Error"] = error,
    }, error is null ? StatusCodes.Status200OK : StatusCodes.Status422UnprocessableEntity);

    private static IResult Show<TPage>(HttpContext http, Accounts accounts, string account, string section, Func<Account, Dictionary<string, object?>?> parameters, int status = StatusCodes.Status200OK)
        where TPage : Microsoft.AspNetCore.Components.IComponent
    {
        if (AccountView.Find(accounts, account) is not { } found || parameters(found) is not { } shown) return Page.NotFound(http);
        shown["Account"] = AccountView.Of(found);
        shown["Section"] = section;
        return Page.Of<TPage>(http, shown, status);
    }

    private static IResult Change(HttpContext http, Accounts accounts, string account, string then, Action<Account> change)
    {
        if (AccountView.Find(accounts, account) is not { } found) return Page.NotFound(http);
        change(found);
        return Page.SeeOther(http, $"/dashboard/{account}/{then}");
    }
}
