using System.Collections.Concurrent;
using System.Net;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Faults;

/// <summary>The product with all limits out of the way of a flood.</summary>
public sealed class UnlimitedApp(TestServers servers) : TestApp(servers)
{
    protected override void Configure(WebApplicationBuilder builder)
    {
        var settings = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var name in (string[])["RequestsPerMinute", "UploadsPerMinute", "KeyChangesPerMinute"]) settings[$"Keys:Limits:{name}"] = "10000000";
        foreach (var name in (string[])["FreeMailsPerNetwork", "FreeMailsPerAddress", "FreeTriesPerNetwork"]) settings[$"Accounts:{name}"] = "1000000";
        settings["Catalog:ApplyAtStart"] = "true"; // what is sold can be bought
        builder.Configuration.AddInMemoryCollection(settings);
    }
}

/// <summary>Catches: input that nobody thought of and that becomes an error of ours, at any route there is.</summary>
public sealed partial class NonsenseTests(UnlimitedApp app) : IClassFixture<UnlimitedApp>
{
    /// <summary>Routes whose every request may cost the hash of a password.</summary>
    private static readonly string[] Slow = ["/login", "/register", "/reset-password", "/verify-email", "/settings/security", "/settings/profile", "/confirm-email"];

    [Fact]
    public async Task No_route_answers_nonsense_with_an_error_of_ours()
    {
        var routes = Routes();
        Assert.True(routes.Count > 100, $"{routes.Count} routes");
        var visitors = new List<Visitor>();
        foreach (var route in routes) visitors.Add(await Visitor.OfAsync(app, await app.NewPersonAsync(), route)); // one each: some routes sign him out
        var failures = new ConcurrentQueue<string>();
        await Parallel.ForEachAsync(visitors, new ParallelOptions { MaxDegreeOfParallelism = 3, CancellationToken = TestContext.Current.CancellationToken }, async (about, _) =>
        {
            var route = about.Route;
            var dice = new Dice((route.Endpoint.RoutePattern.RawText! + route.Methods[0]).Aggregate(7, (sum, c) => unchecked((sum * 31) + c)));
            var isApi = route.Path.StartsWith("/v1", StringComparison.Ordinal) || route.Path.StartsWith("/api/", StringComparison.Ordinal);
            var times = Slow.Contains(route.Path) ? Long.Or(shortly: 20, atLength: 200) : Long.Or(shortly: 500, atLength: 10_000);
            for (var i = 0; i < times && failures.Count < 20; i++)
            {
                using var request = about.Request(dice);
                using var answer = await TestApp.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead); // some never end
                var status = (int)answer.StatusCode;
                if (status < 500 && !(isApi && status is >= 300 and < 400)) continue;
                var sent = $"{request.Method} {request.RequestUri!.PathAndQuery} {(request.Content is null ? "" : await request.Content.ReadAsStringAsync())}";
                failures.Enqueue($"{status} {Cut(sent)} {Cut(app.Log.LastOrDefault(l => l.StartsWith("Error", StringComparison.Ordinal)) ?? "")}");
            }
        });
        Assert.True(failures.IsEmpty, string.Join(Environment.NewLine, failures));
    }

    private static string Cut(string text) => text[..Math.Min(text.Length, 300)];

    /// <summary>One endpoint. A page takes GET and POST at the same one: its requests are of both kinds.</summary>
    private sealed record Route(RouteEndpoint Endpoint, string Path, IReadOnlyList<string> Methods);

    private List<Route> Routes() =>
    [
        .. app.Services.GetRequiredService<IEnumerable<EndpointDataSource>>().SelectMany(s => s.Endpoints).OfType<RouteEndpoint>()
            .Select(e => new Route(e, "/" + e.RoutePattern.RawText!.TrimStart('/'), [.. (e.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET", "POST"]).Where(m => m is not ("HEAD" or "OPTIONS"))]))
            .Where(r => r.Methods.Count > 0 && !r.Path.StartsWith("/_framework", StringComparison.Ordinal) && !r.Path.Contains(".well-known", StringComparison.Ordinal) && r.Endpoint.Metadata.All(m => m.GetType().Name != "StaticAssetDescriptor"))
            .DistinctBy(r => (r.Path, string.Join(' ', r.Methods))),
    ];

    /// <summary>Somebody at one route: knows what is true there and mixes it with what is not.</summary>
    private sealed record Visitor(TestApp App, TestPerson Person, string Key, string Cookies, string Token, Route Route, IReadOnlyList<string> Members, IReadOnlyList<string> Fields, IReadOnlyList<string> Queries)
    {
        public static async Task<Visitor> OfAsync(TestApp app, TestPerson person, Route route)
        {
            var caller = new Caller();
            caller.Is(new Membership(person.OrganizationId, person.Slug, person.Name, IsPersonal: true, Role.Owner, person.Id));
            var (made, _) = await app.Services.GetRequiredService<KeyRing>().CreateAsync(new KeyWish(null, "Nonsense", null, [.. Permissions.OfKeys], null), caller, null, CancellationToken.None);
            var form = await person.Browser.PageAsync($"/o/{person.Slug}/keys/new");
            var fields = new List<string> { "Form.Name", "Form.Email", "Form.Password", "_handler" };
            if (route.Endpoint.Metadata.GetMetadata<Microsoft.AspNetCore.Components.Endpoints.ComponentTypeMetadata>() is not null)
            {
                using var own = await person.Browser.GetAsync(OrgPart().Replace(route.Path, $"/o/{person.Slug}/"));
                if (own.StatusCode == HttpStatusCode.OK) fields.AddRange(FieldName().Matches(await own.Content.ReadAsStringAsync()).Select(m => m.Groups["name"].Value));
            }
            var members = route.Endpoint.Metadata.GetMetadata<IAcceptsMetadata>()?.RequestType is { } type
                ? type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(p => JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name)).ToList()
                : [];
            List<string> queries = ["page", "per_page", "setup_intent", "returnUrl", "code", "token", "id", "email"];
            if (route.Endpoint.Metadata.GetMetadata<Microsoft.AspNetCore.Components.Endpoints.ComponentTypeMetadata>() is { Type: var shown })
                queries.AddRange(shown.GetProperties(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).Where(p => p.IsDefined(typeof(Microsoft.AspNetCore.Components.SupplyParameterFromQueryAttribute), inherit: true)).Select(p => p.Name));
            return new Visitor(app, person, made!.Secret, person.Browser.Cookies.GetCookieHeader(app.Address), form.QuerySelector("input[name=__RequestVerificationToken]")!.GetAttribute("value")!, route, members, fields, queries);
        }

        public HttpRequestMessage Request(Dice dice)
        {
            var method = dice.Pick(Route.Methods);
            // His own organization more often than not: what lies behind a door that stays shut meets no nonsense.
            var path = Parameter().Replace(Route.Path, hole => dice.Next(hole.Value.Contains("org", StringComparison.OrdinalIgnoreCase) ? 8 : 3) switch
            {
                0 => Uri.EscapeDataString(dice.Text() is { Length: > 0 } text ? text : "x"),
                1 => Guid.CreateVersion7().ToString(),
                _ => hole.Value.Contains("organization_id", StringComparison.OrdinalIgnoreCase) ? Person.OrganizationId.ToString() : hole.Value.Contains("org", StringComparison.OrdinalIgnoreCase) ? Person.Slug : "1",
            });
            if (dice.Next(3) == 0) path += $"?{Uri.EscapeDataString(dice.Next(2) == 0 ? dice.Pick(Queries) : dice.Text())}={Uri.EscapeDataString(dice.Text())}";
            var request = new HttpRequestMessage(new HttpMethod(method), new Uri(App.Address, path));
            if (dice.Next(8) > 0)
            {
                var asProgram = Route.Path.StartsWith("/v1", StringComparison.Ordinal) || (Route.Path.StartsWith("/api/", StringComparison.Ordinal) && dice.Next(2) == 0);
                if (asProgram) request.Headers.TryAddWithoutValidation("X-API-Key", Key);
                else request.Headers.TryAddWithoutValidation("Cookie", Cookies);
            }
            if (dice.Next(4) > 0) request.Headers.TryAddWithoutValidation("RequestVerificationToken", Token);
            if (dice.Next(5) == 0) request.Headers.TryAddWithoutValidation("Idempotency-Key", dice.Plain());
            if (Route.Path.StartsWith("/webhooks", StringComparison.Ordinal)) request.Headers.TryAddWithoutValidation("Stripe-Signature", dice.Next(2) == 0 ? dice.Plain() : $"t=1,v1={dice.Plain()}");
            if (dice.Next(2) == 0) request.Headers.TryAddWithoutValidation("Accept", dice.Pick(["text/html", "application/json", "text/vnd.turbo-stream.html", "nonsense"]));
            if (method != "GET" || dice.Next(10) == 0) request.Content = Content(method, dice);
            return request;
        }

        private ByteArrayContent Content(string method, Dice dice)
        {
            var isForm = dice.Next(method == "POST" && !Route.Path.StartsWith("/v1", StringComparison.Ordinal) && !Route.Path.StartsWith("/api/", StringComparison.Ordinal) ? 5 : 20) > 0
                && !Route.Path.StartsWith("/v1", StringComparison.Ordinal) && !Route.Path.StartsWith("/api/", StringComparison.Ordinal);
            var body = isForm ? Form(dice) : dice.Json(Members);
            var type = dice.Next(10) == 0 ? dice.Pick(["text/plain", "multipart/form-data; boundary=x", "application/xml", "application/json; charset=utf-16"]) : isForm ? "application/x-www-form-urlencoded" : "application/json";
            var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            content.Headers.TryAddWithoutValidation("Content-Type", type);
            return content;
        }

        private string Form(Dice dice)
        {
            var pairs = new List<string>();
            if (dice.Next(4) > 0) pairs.Add($"__RequestVerificationToken={Uri.EscapeDataString(Token)}");
            for (var i = dice.Next(6); i > 0; i--) pairs.Add($"{Uri.EscapeDataString(dice.Next(6) == 0 ? dice.Plain() : dice.Pick(Fields))}={(dice.Next(10) == 0 ? "%ff%fe%00" : Uri.EscapeDataString(dice.Text()))}");
            return string.Join('&', pairs);
        }
    }

    [GeneratedRegex(@"\{[^}]+\}", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Parameter();

    [GeneratedRegex("^/o/\\{[^}]+\\}/", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex OrgPart();

    [GeneratedRegex("name=\"(?<name>[A-Za-z_.]+)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex FieldName();
}
