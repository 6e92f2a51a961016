using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Tracepipe.Samples;
using Tracepipe.Tests.App;

namespace Tracepipe.Tests.Traces;

/// <summary>Catches: a sample backend that does not run against the product, charges for work that failed, or lets a key in that may not.</summary>
public sealed class SampleBackendTests(TracesApp app) : IClassFixture<TracesApp>, IAsyncLifetime
{
    private WebApplication backend = null!;

    public async ValueTask InitializeAsync()
    {
        backend = Backend.Build(["--urls", "http://127.0.0.1:0", "--Tracepipe:Address", app.Address.ToString(), "--Tracepipe:ServiceKey", app.Service, "--Logging:LogLevel:Default", "Warning", "--environment", "Development"]);
        await backend.StartAsync();
    }

    public async ValueTask DisposeAsync() => await backend.DisposeAsync();

    [Fact]
    public async Task A_run_holds_a_workflow_reports_tokens_and_commits_and_one_that_fails_costs_nothing()
    {
        var owner = await app.NewOwnerAsync();
        var (key, _) = await app.NewKeyAsync(owner);
        var session = (await app.UploadAsync(key, TracesApp.Trace(400))).GetProperty("id").GetGuid();
        var (status, run) = await RunAsync(key, session);
        Assert.Equal((HttpStatusCode.OK, 1, 250L), (status, run.GetProperty("examples").GetInt32(), run.GetProperty("tokens").GetInt64()));
        Assert.Equal((1m, 0m), (await WorkflowsAsync(owner.OrganizationId), await app.HeldAsync(owner.OrganizationId)));
        Assert.Equal(250m, await app.ScalarAsync<decimal>($"select sum(quantity) from usage_hours where organization_id = '{owner.OrganizationId}' and meter = 'tokens'"));

        Assert.Equal(HttpStatusCode.NotFound, (await RunAsync(key, Guid.CreateVersion7())).Status);
        Assert.Equal((1m, 0m), (await WorkflowsAsync(owner.OrganizationId), await app.HeldAsync(owner.OrganizationId)));
        Assert.Equal(HttpStatusCode.Unauthorized, (await RunAsync("tp_live_nonsense", session)).Status);
        for (var n = 2; n <= 5; n++) Assert.Equal(HttpStatusCode.OK, (await RunAsync(key, session)).Status);
        Assert.Equal(HttpStatusCode.PaymentRequired, (await RunAsync(key, session)).Status); // five are free
    }

    private async Task<(HttpStatusCode Status, JsonElement Body)> RunAsync(string key, Guid session)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(new Uri(backend.Urls.First()), "/runs")) { Content = JsonContent.Create(new { session_id = session }) };
        request.Headers.Add("X-API-Key", key);
        using var answer = await TestApp.Http.SendAsync(request);
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode != HttpStatusCode.InternalServerError, body);
        return (answer.StatusCode, JsonElement.Parse(body));
    }

    private Task<decimal> WorkflowsAsync(Guid organization) => app.ScalarAsync<decimal>($"select coalesce(sum(used), 0) from quotas where organization_id = '{organization}' and meter = 'workflow'");
}
