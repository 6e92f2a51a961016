using System.Net;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Metering;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Keys;

namespace Tracepipe.Tests.Metering;

/// <summary>Catches: usage that is counted twice, not at all, in the wrong hour, or for somebody else.</summary>
public sealed class EventsApiTests(EventsApp app) : IClassFixture<EventsApp>
{
    [Fact]
    public async Task One_event_is_counted_in_its_hour_by_key_model_and_suite()
    {
        var organization = await app.NewOrganizationAsync();
        var at = new DateTimeOffset(app.Clock.GetUtcNow().UtcDateTime.Date, TimeSpan.Zero).AddDays(-3).AddHours(7).AddMinutes(59);
        var key = Guid.CreateVersion7();
        var more = $$""","model":"gpt-4o","key_id":"{{key}}","suite_id":"s1","ticket_id":"T-9","colour":{"b": [1, 2],"a":"x y"}""";
        var answer = await app.ReportAsync(app.Event(organization, "one", 12.000000000001m, at, more: ""","traceparent":"00-ab","datacontenttype":"application/json" """, moreData: more), "application/cloudevents+json");
        Assert.Equal((1, 0, 0, 0), EventsApp.Counts(answer));
        Assert.Equal(1, await app.ScalarAsync<long>($"""
            select count(*) from usage_hours where organization_id = '{organization}' and hour = '{at.AddMinutes(-59):O}' and meter = 'tokens' and key_id = '{key}' and model = 'gpt-4o' and suite_id = 's1'
              and quantity = 12.000000000001 and events = 1
            """));
        Assert.Equal("""T-9 /test one {"attributes":{"traceparent":"00-ab"},"data":{"colour":{"b":[1,2],"a":"x y"}}}""",
            await app.ScalarAsync<string>($"select concat_ws(' ', ticket_id, source, event_id, details) from usage_events where organization_id = '{organization}'"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_batch_of_ten_thousand_is_taken_plain_or_packed_and_one_more_is_too_large(bool isGzip)
    {
        var organization = await app.NewOrganizationAsync();
        var events = Enumerable.Range(0, 10_000).Select(i => app.Event(organization, $"e{i}", 0.5m)).ToList();
        Assert.Equal((10_000, 0, 0, 0), EventsApp.Counts(await app.ReportAsync(EventsApp.List(events), "application/cloudevents-batch+json", isGzip)));
        Assert.Equal((10_000L, 5000m, 5000m, 10_000L), await app.StoredAsync(organization));
        Assert.Equal((0, 10_000, 0, 0), EventsApp.Counts(await app.ReportAsync(EventsApp.List(events), isGzip: isGzip)));
        Assert.Equal((10_000L, 5000m, 5000m, 10_000L), await app.StoredAsync(organization));
        Assert.Equal(413, (await app.ReportAsync(EventsApp.List(events.Append(app.Event(organization, "extra"))), isGzip: isGzip)).Status);
        Assert.Equal(10_000L, (await app.StoredAsync(organization)).Events);
    }

    [Fact]
    public async Task What_is_wrong_is_named_by_index_and_reason_and_harms_nothing_else()
    {
        var organization = await app.NewOrganizationAsync();
        var now = app.Clock.GetUtcNow();
        string[] events =
        [
            app.Event(organization, "good1", 3),
            "42",
            app.Event(organization, "zero", 0),
            app.Event(organization, "negative", -1),
            app.Event(organization, "fine", 1.0000000000001m), // 13 decimals
            app.Event(Guid.CreateVersion7(), "nobody"),
            app.Event(organization, "old", time: now.AddDays(-35).AddMinutes(-1)),
            app.Event(organization, "future", time: now.AddMinutes(6)),
            app.Event(organization, "voyages", type: "voyages"),
            app.Event(organization, "unit", type: "workflow"),
            app.Event(organization, "level", type: "storage"),
            app.Event(organization, "good1", 3).Replace("\"1.0\"", "\"0.3\"", StringComparison.Ordinal),
            app.Event(organization, "text").Replace("\"quantity\":1", "\"quantity\":\"1\"", StringComparison.Ordinal),
            app.Event(organization, "twice", more: ""","id":"again" """),
            app.Event(organization, "nul\\u0000"),
            app.Event(organization, "half\\ud800"),
            app.Event(organization, "zone").Replace("Z\"", "\"", StringComparison.Ordinal),
            "{}",
            app.Event(organization, "huge").Replace("\"quantity\":1", "\"quantity\":1e300", StringComparison.Ordinal),
            app.Event(organization, "edge1", time: now.AddDays(-35).AddMinutes(1)),
            app.Event(organization, "edge2", time: now.AddMinutes(4)),
            app.Event(organization, "examples", 2, type: "examples"),
        ];
        var answer = await app.ReportAsync(EventsApp.List(events));
        Assert.Equal((4, 0, 0, 18), EventsApp.Counts(answer));
        Assert.Equal("1:malformed 2:malformed 3:malformed 4:malformed 5:unknown_organization 6:too_old 7:in_future 8:unknown_meter 9:wrong_meter 10:wrong_meter "
            + "11:malformed 12:malformed 13:malformed 14:malformed 15:malformed 16:malformed 17:malformed 18:malformed", EventsApp.Reasons(answer));
        Assert.All(answer.Body.GetProperty("items").EnumerateArray(), i => Assert.True(i.GetProperty("message").GetString()!.Length > 10));
        Assert.Equal((4L, 7m, 7m, 4L), await app.StoredAsync(organization));
        Assert.Equal(1, await app.ScalarAsync<long>($"select events from unmatched_events where type = 'voyages' and last_organization_id = '{organization}'"));
        await app.ReportAsync(app.Event(organization, "voyages2", type: "voyages"));
        Assert.Equal(2, await app.ScalarAsync<long>("select events from unmatched_events where type = 'voyages'"));
    }

    [Fact]
    public async Task A_duplicate_is_one_at_any_age_and_other_words_under_its_id_a_conflict_at_any_age()
    {
        var organization = await app.NewOrganizationAsync();
        var sent = app.Event(organization, "forever", 7);
        var other = sent.Replace("\"quantity\":7", "\"quantity\":8", StringComparison.Ordinal);
        var never = app.Event(organization, "never");
        Assert.Equal((1, 0, 0, 0), EventsApp.Counts(await app.ReportAsync(EventsApp.List([sent]))));
        var start = app.Clock.GetUtcNow();
        foreach (var days in new[] { 0, 1, 33, 400, 4000 })
        {
            app.Clock.MoveTo(start.AddDays(days));
            Assert.Equal((0, 1, 0, 0), EventsApp.Counts(await app.ReportAsync(EventsApp.List([sent]))));
            var conflict = await app.ReportAsync(EventsApp.List([other]));
            Assert.Equal(((0, 0, 1, 0), "0:conflict"), (EventsApp.Counts(conflict), EventsApp.Reasons(conflict)));
            Assert.Equal(409, (await app.ReportAsync(other)).Status);
            if (days > 35) Assert.Equal("0:too_old", EventsApp.Reasons(await app.ReportAsync(EventsApp.List([never]))));
        }
        app.Clock.MoveTo(start);
        Assert.Equal((1L, 7m, 7m, 1L), await app.StoredAsync(organization));
    }

    [Fact]
    public async Task Within_one_batch_the_first_counts_and_the_same_source_is_part_of_the_name()
    {
        var (organization, another) = (await app.NewOrganizationAsync(), await app.NewOrganizationAsync());
        var now = app.Clock.GetUtcNow();
        var answer = await app.ReportAsync(EventsApp.List([
            app.Event(organization, "a", 1, now), app.Event(organization, "a", 1, now), app.Event(organization, "a", 2, now), app.Event(organization, "a", 1, now, source: "/other"), app.Event(another, "a", 1, now),
            $"  {app.Event(organization, "a", 1, now).Replace(",\"", " ,\n\t\"", StringComparison.Ordinal)}  ", // another writing of the same
        ]));
        Assert.Equal(((3, 2, 1, 0), "2:conflict"), (EventsApp.Counts(answer), EventsApp.Reasons(answer)));
        Assert.Equal(2m, (await app.StoredAsync(organization)).OfEvents);
    }

    [Fact]
    public async Task A_single_event_that_is_wrong_is_an_error()
    {
        var organization = await app.NewOrganizationAsync();
        Assert.Equal(422, (await app.ReportAsync(app.Event(organization, "x", 0))).Status);
        var (status, body) = await app.ReportAsync(app.Event(organization, "x", type: "flights"));
        Assert.Equal((422, "unknown_meter"), (status, MeteringApp.Reason(body)));
    }

    [Fact]
    public async Task The_same_events_by_many_at_once_on_two_nodes_are_counted_once()
    {
        await using var other = new KeysApp(app.Servers) { SharesWith = app };
        await other.InitializeAsync();
        var organization = await app.NewOrganizationAsync();
        for (var round = 0; round < 5; round++)
        {
            var events = Enumerable.Range(0, 400).Select(i => app.Event(organization, $"r{round}-{i}")).ToList();
            var random = new Random(round);
            // Each sends all of them in an order of its own: what two writers claim at once must neither be lost nor stop them.
            var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i =>
            {
                var mixed = events.ToArray();
                random.Shuffle(mixed);
                return app.ReportAsync(EventsApp.List(mixed), on: i % 2 == 0 ? app : other);
            }));
            Assert.Equal((400, 7 * 400), (answers.Sum(a => EventsApp.Counts(a).Accepted), answers.Sum(a => EventsApp.Counts(a).Duplicates)));
            Assert.Equal((400L * (round + 1), 400m * (round + 1), 400m * (round + 1), 400L * (round + 1)), await app.StoredAsync(organization));
        }
    }

    [Theory]
    [InlineData("text/plain", "{}", 415)]
    [InlineData("application/json", "{", 400)]
    [InlineData("application/json", "[{}", 400)]
    [InlineData("application/json", "[] []", 400)]
    [InlineData("application/json", "7", 400)]
    [InlineData("application/json", "", 400)]
    [InlineData("application/cloudevents+json", "[]", 400)]
    [InlineData("application/cloudevents-batch+json", "{}", 400)]
    [InlineData("application/json", "[]", 202)]
    public async Task A_body_that_is_none_is_refused(string media, string body, int status) => Assert.Equal(status, (await app.ReportAsync(body, media)).Status);

    [Fact]
    public async Task Depth_is_limited_and_bytes_that_are_no_text_are_refused()
    {
        var deep = string.Concat(Enumerable.Repeat("[", 100_000));
        Assert.Equal(400, (await app.ReportAsync(deep)).Status);
        using var broken = new ByteArrayContent([.. "{\"id\":\""u8, 0xff, 0xfe, .. "\"}"u8]);
        Assert.Equal(400, (await app.SendAsync(broken)).Status);
        var organization = await app.NewOrganizationAsync();
        Assert.Equal((0, 0, 0, 1), EventsApp.Counts(await app.ReportAsync(EventsApp.List([app.Event(organization, "big", moreData: $",\"note\":\"{new string('x', 70_000)}\"")]))));
        Assert.Equal((1, 0, 0, 0), EventsApp.Counts(await app.ReportAsync(EventsApp.List([app.Event(organization, "odd", moreData: ""","note":"\u0000 \ud800","deep":[[[1]]]""")]))));
    }

    [Fact]
    public async Task A_gzip_that_is_cut_off_damaged_or_a_bomb_is_refused_and_counts_nothing()
    {
        var organization = await app.NewOrganizationAsync();
        var packed = EventsApp.Gzip(Encoding.UTF8.GetBytes(EventsApp.List(Enumerable.Range(0, 50).Select(i => app.Event(organization, $"g{i}")))));
        foreach (var cut in new[] { 1, 4, 8, 9, packed.Length / 2 }) Assert.Equal(400, await SendAsync(packed[..^cut]));
        Assert.Equal(400, await SendAsync([.. packed, 0]));
        Assert.Equal(400, await SendAsync([.. packed, .. packed]));
        var flipped = packed.ToArray();
        flipped[^6] ^= 1; // the checksum
        Assert.Equal(400, await SendAsync(flipped));
        Assert.Equal(413, await SendAsync(EventsApp.Gzip(new byte[200_000_000])));
        Assert.Equal(0, (await app.StoredAsync(organization)).Events);
        Assert.Equal(202, await SendAsync(packed));

        async Task<int> SendAsync(byte[] bytes)
        {
            using var content = new ByteArrayContent(bytes);
            return (await app.SendAsync(content, encoding: "gzip")).Status;
        }
    }

    [Fact]
    public async Task A_body_of_more_than_ten_megabytes_is_refused()
    {
        using var content = new ByteArrayContent(new byte[(10 * 1024 * 1024) + 1]);
        Assert.Equal(413, (await app.SendAsync(content)).Status);
    }

    [Fact]
    public async Task The_months_ahead_have_their_partitions_before_they_begin()
    {
        var now = app.Clock.GetUtcNow();
        for (var i = -1; i <= 3; i++)
        {
            var month = new DateTimeOffset(now.Year, now.Month, 1, 0, 0, 0, TimeSpan.Zero).AddMonths(i);
            if (month.AddMonths(1) <= now.AddDays(-35)) continue;
            Assert.True(await app.ScalarAsync<bool>($"select to_regclass('usage_events_{month:yyyyMM}') is not null"), $"{month}");
        }
        Assert.False(await app.ScalarAsync<bool>($"select ensure_event_month('{now:yyyy-MM-dd}')"));
    }

    [Fact]
    public async Task The_product_can_neither_change_nor_remove_an_event()
    {
        foreach (var role in new[] { "tracepipe_web", "tracepipe_work" })
        foreach (var sql in new[] { "update usage_events set quantity = 1", "delete from usage_events", "delete from event_ids", "update event_ids set body = digest", "delete from usage_hours", "truncate usage_events" })
        {
            var refused = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => app.ExecuteAsync($"set role {role}; {sql}"));
            Assert.Equal("42501", refused.SqlState);
        }
    }
}
