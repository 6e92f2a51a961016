using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>
/// What only a sandbox has, under <c>/_sandbox</c>: time, faults, reset, deliveries. Production code never calls it.
/// Bodies are JSON; all but health and coverage need the account's secret key.
/// </summary>
internal static class SandboxApi
{
    private const long MostDays = 5 * 366;

    public static void MapSandbox(this IEndpointRouteBuilder routes)
    {
        var sandbox = routes.MapGroup("/_sandbox");
        sandbox.MapGet("/health", (Accounts accounts) => Json(new JsonObject
        {
            ["status"] = "ok",
            ["sandbox"] = true,
            ["now"] = accounts.Time.GetUtcNow().ToUnixTimeSeconds(),
            ["accounts"] = accounts.All.Count(),
            ["violations"] = new JsonArray([.. accounts.Violations.All.Select(v => (JsonNode)v)]),
        }));
        sandbox.MapGet("/coverage", () => Json(Operations.Coverage()));
        sandbox.MapPost("/reset", For((account, _) =>
        {
            account.Faults.Clear();
            account.Reset();
            return new JsonObject { ["reset"] = true };
        }));
        sandbox.MapGet("/clock", For((account, _) => ClockOf(account)));
        sandbox.MapPost("/clock", For((account, body) =>
        {
            var (seconds, days) = (body["advance_seconds"]?.GetValue<long>(), body["advance_days"]?.GetValue<long>());
            if (seconds is null == days is null) throw StripeError.Invalid("Say by how much: advance_seconds or advance_days.", "advance_seconds", "parameter_missing");
            if (seconds is < 0 or > MostDays * 86400 || days is < 0 or > MostDays) throw StripeError.Invalid("The clock moves forwards, by at most five years at once.", "advance_seconds");
            var by = seconds ?? days!.Value * 86400;
            account.MoveClock(TimeSpan.FromSeconds(by));
            return ClockOf(account);
        }));
        sandbox.MapGet("/faults", For((account, _) => FaultsOf(account)));
        sandbox.MapPost("/faults", For((account, body) =>
        {
            Faults.Order(account, body);
            return FaultsOf(account);
        }));
        sandbox.MapDelete("/faults", For((account, _) =>
        {
            account.Faults.Clear();
            return FaultsOf(account);
        }));
        sandbox.MapGet("/deliveries", For((account, _) => account.Read(work => new JsonObject
        {
            ["data"] = new JsonArray([.. work.All(Deliveries.Pending).Concat(work.All(Deliveries.Finished)).Select(Show)]),
        })));
        sandbox.MapGet("/meter-errors", For((account, _) => account.Read(work => new JsonObject
        {
            ["data"] = new JsonArray([.. work.All(Usage.Error).Select(e => e.Hidden.Json.DeepClone())]),
        })));
        sandbox.MapGet("/invoices/{id}/mail", (HttpContext http, string id) => AnswerAsync(http, (account, _) => account.Read(work => new JsonObject
        {
            ["data"] = new JsonArray([.. work.Children(work.Get(Invoices.Kind, id, "id").Id, "_mail").Select(m => m.Hidden.Json.DeepClone())]),
        })));
        sandbox.MapPost("/events/{id}/resend", (HttpContext http, string id) => AnswerAsync(http, (account, body) => account.Write(null, work =>
        {
            var told = work.Get("event", id, "id");
            var wanted = body["webhook_endpoint"]?.GetValue<string>();
            var endpoints = work.All(WebhookEndpoints.Kind).Where(e => wanted is null || e.Id == wanted).ToList();
            foreach (var endpoint in endpoints) Deliveries.Resend(work, told, endpoint.Id);
            return new JsonObject { ["event"] = id, ["deliveries"] = endpoints.Count };
        })));
        sandbox.MapPost("/webhook_endpoints/{id}/roll_secret", (HttpContext http, string id) => AnswerAsync(http, (account, body) => account.Write(null, work => new JsonObject
        {
            ["secret"] = WebhookEndpoints.Roll(work, work.Get(WebhookEndpoints.Kind, id, "id"), TimeSpan.FromSeconds(body["overlap_seconds"]?.GetValue<long>() ?? 86400)),
        })));
    }

    private static RequestDelegate For(Func<Account, JsonObject, JsonObject> answer) => async http => await (await AnswerAsync(http, answer)).ExecuteAsync(http);

    private static async Task<IResult> AnswerAsync(HttpContext http, Func<Account, JsonObject, JsonObject> answer)
    {
        try
        {
            var caller = Authentication.Identify(http.RequestServices.GetRequiredService<Accounts>(), http.Request, []);
            if (caller.IsBrowser) throw new StripeError(403, "invalid_request_error", "This call needs the secret key.", "secret_key_required");
            return Json(answer(caller.Account, await BodyAsync(http)));
        }
        catch (StripeError refusal)
        {
            return Json(new JsonObject { ["error"] = refusal.ToJson() }, refusal.Status);
        }
        catch (Exception malformed) when (malformed is System.Text.Json.JsonException or InvalidOperationException or FormatException)
        {
            return Json(new JsonObject { ["error"] = new JsonObject { ["type"] = "invalid_request_error", ["message"] = "The body is not the JSON object that is expected here." } }, 400);
        }
    }

    // A body may come in chunks, without its length; none at all is an empty object.
    private static async Task<JsonObject> BodyAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted);
        return body.Length == 0 ? [] : JsonNode.Parse(body.GetBuffer().AsSpan(0, (int)body.Length)) as JsonObject ?? throw new FormatException("Not an object.");
    }

    private static JsonObject ClockOf(Account account) => new() { ["now"] = account.Now.ToUnixTimeSeconds(), ["shift_seconds"] = (long)account.Shift.TotalSeconds, ["settled"] = account.IsSettled };

    private static JsonObject FaultsOf(Account account) => new()
    {
        ["data"] = new JsonArray([.. account.Faults.All.Select(f => (JsonNode)new JsonObject
        {
            ["kind"] = f.Fault.Kind, ["method"] = f.Method, ["path"] = f.Path, ["count"] = f.Count, ["percent"] = f.Percent,
        })]),
    };

    private static JsonNode Show(Doc delivery)
    {
        var shown = (JsonObject)delivery.Hidden.Json.DeepClone();
        shown["id"] = delivery.Id;
        shown["pending"] = delivery.Kind == Deliveries.Pending;
        return shown;
    }

    private static IResult Json(JsonObject body, int status = 200) => Results.Content(body.ToJsonString(), "application/json", statusCode: status);
}
