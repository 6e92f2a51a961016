using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Metering;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Traces;

namespace Tracepipe.Tests.Metering;

/// <summary>The product with an organization that uses all of it: reported tokens, units of work, stored bytes.</summary>
public class UsageApp(TestServers servers) : TracesApp(servers)
{
    private int events;

    /// <summary>Reports tokens and waits until they are priced.</summary>
    public async Task UseTokensAsync(Guid organization, decimal quantity, string? model = null, Guid? key = null, string? suite = null, DateTimeOffset? at = null)
    {
        var data = new Dictionary<string, object> { ["quantity"] = quantity };
        if (model is not null) data["model"] = model;
        if (key is not null) data["key_id"] = key;
        if (suite is not null) data["suite_id"] = suite;
        var id = $"{organization:N}-{Interlocked.Increment(ref events)}";
        var json = JsonSerializer.Serialize(new { specversion = "1.0", id, source = "/usage", type = "tokens", subject = organization, time = at ?? Clock.GetUtcNow(), data });
        using var answer = await ServiceAsync("/v1/events", json);
        var body = await JsonAsync(answer, 202);
        Assert.True(body.GetProperty("accepted").GetInt32() == 1, body.ToString());
        await Services.GetRequiredService<UsageSettler>().SettleAsync(organization, CancellationToken.None);
        await EventuallyAsync(() => ScalarAsync<long>($"select count(*) from usage_pending where organization_id = '{organization}'"), left => left == 0); // whoever settled it has committed
    }

    /// <summary>Completes units of work.</summary>
    public async Task WorkAsync(Guid organization, long units = 1, string? key = null, string? suite = null, string? ticket = null)
    {
        var id = $"{organization:N}-h{Interlocked.Increment(ref events)}";
        using var hold = await ServiceAsync("/v1/holds", key is null ? string.Create(CultureInfo.InvariantCulture, $$"""{"organization_id":"{{organization}}","meter":"workflow","quantity":{{units}},"id":"{{id}}"}""")
            : string.Create(CultureInfo.InvariantCulture, $$"""{"key":"{{key}}","meter":"workflow","quantity":{{units}},"id":"{{id}}"}"""));
        await JsonAsync(hold, 201);
        var details = new Dictionary<string, string>();
        if (suite is not null) details["suite_id"] = suite;
        if (ticket is not null) details["ticket_id"] = ticket;
        using var done = await ServiceAsync($"/v1/holds/{id}/commit", JsonSerializer.Serialize(new { usage_details = details }));
        await JsonAsync(done);
    }

    /// <summary>Sets the clock to a moment and gives it back at the end.</summary>
    public IAsyncDisposable At(DateTimeOffset moment)
    {
        var was = Clock.GetUtcNow();
        Clock.MoveTo(moment);
        return new Back(this, was);
    }

    private sealed class Back(UsageApp app, DateTimeOffset to) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            app.Clock.MoveTo(to);
            await app.ExecuteAsync("delete from tries"); // whoever registered then is not counted against who registers now
        }
    }
}
