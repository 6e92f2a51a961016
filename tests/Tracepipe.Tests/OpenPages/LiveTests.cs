using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.OpenPages;

/// <summary>Catches: an open page that does not hear what another node did, that hears of another organization, or that keeps the product from stopping.</summary>
public sealed class LiveTests(TestServers servers)
{
    [Fact]
    public async Task What_one_node_commits_is_heard_on_another_and_what_it_rolls_back_is_not()
    {
        await using var a = new TestApp(servers);
        await a.InitializeAsync();
        await using var b = new TestApp(servers) { SharesWith = a };
        await b.InitializeAsync();
        var person = await a.NewPersonAsync();
        using var stream = await OpenAsync(b, person);
        await using (var undone = await a.Services.GetRequiredService<Database>().BeginAsync(person.OrganizationId, person.Id, CancellationToken.None))
            await Live.ChangedAsync(undone, person.OrganizationId, "never", CancellationToken.None);
        await SayAsync(a, person.OrganizationId, "plan");
        Assert.Equal("plan", await stream.NextTopicAsync());
        await SayAsync(b, person.OrganizationId, "cards"); // on its own node, too
        Assert.Equal("cards", await stream.NextTopicAsync());
    }

    [Fact]
    public async Task Nobody_hears_of_another_organization()
    {
        await using var app = new TestApp(servers);
        await app.InitializeAsync();
        var (ours, theirs) = (await app.NewPersonAsync(), await app.NewPersonAsync());
        using (var foreign = await ours.Browser.GetAsync($"/o/{theirs.Slug}/live")) Assert.Equal(HttpStatusCode.NotFound, foreign.StatusCode);
        using (var stranger = await app.NewBrowser().GetAsync($"/o/{ours.Slug}/live")) Assert.Equal(HttpStatusCode.Redirect, stranger.StatusCode);
        using var stream = await OpenAsync(app, ours);
        await SayAsync(app, theirs.OrganizationId, "theirs");
        await SayAsync(app, ours.OrganizationId, "ours");
        Assert.Equal("ours", await stream.NextTopicAsync());
    }

    [Fact]
    public async Task What_was_said_between_the_rendering_of_a_page_and_its_stream_is_told()
    {
        await using var app = new TestApp(servers);
        await app.InitializeAsync();
        var person = await app.NewPersonAsync();
        using var first = await OpenAsync(app, person);
        do await SayAsync(app, person.OrganizationId, "cards");
        while (await first.NextTopicAsync() is not "cards"); // until it listens, everything may have changed
        var heardAt = Stopwatch.StartNew();
        await TestApp.EventuallyAsync(() => Task.FromResult(heardAt.Elapsed), age => age > TimeSpan.FromSeconds(3)); // a product that has only just begun to listen tells everything
        var rendered = app.Clock.GetUtcNow().ToUnixTimeMilliseconds();
        await SayAsync(app, person.OrganizationId, "plan");
        while (await first.NextTopicAsync() is not "plan") { }
        using (var late = await OpenAsync(app, person, $"?rendered={rendered}"))
        {
            string? topic;
            do Assert.NotEqual(LiveHub.Everything, topic = await late.NextTopicAsync());
            while (topic is not "plan");
        }
        using (var old = await OpenAsync(app, person, $"?rendered={rendered - 3_600_000}")) Assert.Equal(LiveHub.Everything, await old.NextTopicAsync());
    }

    [Fact]
    public async Task Open_streams_end_when_the_product_stops()
    {
        var app = new TestApp(servers);
        await app.InitializeAsync();
        var person = await app.NewPersonAsync();
        using var stream = await OpenAsync(app, person);
        var clock = Stopwatch.StartNew();
        await app.DisposeAsync();
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(2), $"It took {clock.Elapsed}.");
        Assert.Null(await stream.NextTopicAsync());
    }

    [Fact]
    public async Task A_silent_stream_has_a_heartbeat_and_a_closed_one_is_forgotten()
    {
        await using var app = new TestApp(servers);
        await app.InitializeAsync();
        var person = await app.NewPersonAsync();
        var hub = app.Services.GetRequiredService<LiveHub>();
        using (var stream = await OpenAsync(app, person))
        {
            Assert.Equal(1, hub.Count);
            Assert.Equal(": still here", await stream.NextLineAsync());
        }
        await TestApp.EventuallyAsync(() => Task.FromResult(hub.Count), n => n == 0);
    }

    [Fact]
    public async Task The_oldest_of_too_many_streams_of_a_person_gives_way()
    {
        await using var app = new TestApp(servers);
        await app.InitializeAsync();
        var person = await app.NewPersonAsync();
        var streams = new List<EventStream>();
        for (var i = 0; i < 17; i++) streams.Add(await OpenAsync(app, person));
        Assert.Null(await streams[0].NextTopicAsync());
        await SayAsync(app, person.OrganizationId, "plan");
        foreach (var open in streams.Skip(1)) Assert.Equal("plan", await open.NextTopicAsync());
        foreach (var stream in streams) stream.Dispose();
    }

    private static async Task SayAsync(TestApp app, Guid organization, string topic)
    {
        await using var transaction = await app.Services.GetRequiredService<Database>().BeginAsync(organization, person: null, CancellationToken.None);
        await Live.ChangedAsync(transaction, organization, topic, CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
    }

    private static async Task<EventStream> OpenAsync(TestApp node, TestPerson person, string query = "")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(node.Address, $"/o/{person.Slug}/live{query}"));
        // The person's cookies, also at a node that listens on another port: names of cookies carry the port over plain http, so they are renamed.
        var home = person.Browser.Http.BaseAddress!;
        request.Headers.Add("Cookie", string.Join("; ", person.Browser.Cookies.GetCookies(home).Select(c => $"{c.Name.Replace($"-{home.Port}", $"-{node.Address.Port}", StringComparison.Ordinal)}={c.Value}")));
        var response = await TestApp.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.ToString());
        Assert.Equal("no-store", response.Headers.CacheControl!.ToString());
        var stream = new EventStream(response, new StreamReader(await response.Content.ReadAsStreamAsync()));
        Assert.Equal("retry: 1000", await stream.NextLineAsync());
        return stream;
    }

    private sealed record EventStream(HttpResponseMessage Response, StreamReader Reader) : IDisposable
    {
        /// <summary>The next line that is not empty; null at the end.</summary>
        public async Task<string?> NextLineAsync()
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            string? line;
            do
            {
                try
                {
                    line = await Reader.ReadLineAsync(patience.Token);
                }
                catch (Exception cut) when (cut is IOException or HttpRequestException)
                {
                    return null;
                }
            }
            while (line is "");
            return line;
        }

        public async Task<string?> NextTopicAsync()
        {
            while (await NextLineAsync() is { } line) if (line.StartsWith("data: ", StringComparison.Ordinal)) return line["data: ".Length..];
            return null;
        }

        public void Dispose()
        {
            Reader.Dispose();
            Response.Dispose();
        }
    }
}
