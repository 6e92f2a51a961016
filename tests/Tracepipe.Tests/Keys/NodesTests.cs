using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Keys;
using Tracepipe.Tests.App;

namespace Tracepipe.Tests.Keys;

/// <summary>Catches: a node that believes in a key which another one has revoked, or that calls a good key wrong because the database is away.</summary>
public sealed class NodesTests(TestServers servers)
{
    [Fact]
    public async Task Another_node_refuses_a_revoked_key_when_it_hears_the_notification()
    {
        await using var a = new KeysApp(servers);
        await a.InitializeAsync();
        await using var b = new KeysApp(servers) { SharesWith = a };
        await b.InitializeAsync();
        var owner = await a.NewOwnerAsync();
        var changes = b.Services.GetRequiredService<KeyChanges>();
        for (var i = 0; i < 5; i++)
        {
            var (key, id) = await a.NewFullKeyAsync(owner);
            Assert.Equal(HttpStatusCode.OK, await b.StatusAsync(key));
            var heard = changes.Notifications;
            await RevokeAsync(a, key, id);
            await TestApp.EventuallyAsync(() => b.StatusAsync(key), s => s == HttpStatusCode.Unauthorized);
            await TestApp.EventuallyAsync(() => Task.FromResult(changes.Notifications), n => n > heard);
        }
    }

    [Fact]
    public async Task Another_node_refuses_it_two_rounds_later_when_the_notification_is_lost()
    {
        await using var a = new KeysApp(servers);
        await a.InitializeAsync();
        await a.ExecuteAsync("""
            create or replace function note_key_change(key uuid, organization uuid, person uuid) returns void language sql security definer
            as $$ insert into key_changes (key_id, organization_id, person_id) values (key, organization, person) $$
            """);
        await using var b = new KeysApp(servers) { SharesWith = a };
        await b.InitializeAsync();
        var owner = await a.NewOwnerAsync();
        var changes = b.Services.GetRequiredService<KeyChanges>();
        for (var i = 0; i < 3; i++)
        {
            var (key, id) = await a.NewFullKeyAsync(owner);
            Assert.Equal(HttpStatusCode.OK, await b.StatusAsync(key));
            await RevokeAsync(a, key, id);
            var rounds = changes.Rounds;
            await TestApp.EventuallyAsync(() => Task.FromResult(changes.Rounds), n => n >= rounds + 2);
            Assert.Equal(HttpStatusCode.Unauthorized, await b.StatusAsync(key));
        }
        Assert.Equal(0, changes.Notifications);
    }

    [Fact]
    public async Task With_the_database_away_good_keys_are_unavailable_never_wrong_and_work_again_afterwards()
    {
        await using var first = new KeysApp(servers);
        await first.InitializeAsync();
        await using var wire = new DatabaseProxy(first.ConnectionString);
        await using var app = new BehindWire(servers, wire) { SharesWith = first };
        await app.InitializeAsync();
        var owner = await first.NewOwnerAsync();
        var (key, _) = await first.NewFullKeyAsync(owner);
        var (revoked, revokedId) = await first.NewFullKeyAsync(owner);
        var (fresh, _) = await first.NewFullKeyAsync(owner);
        Assert.Equal(HttpStatusCode.OK, await app.StatusAsync(key));
        Assert.Equal(HttpStatusCode.OK, await app.StatusAsync(revoked));

        wire.Cut();
        await RevokeAsync(first, revoked, revokedId);
        using (var unseen = await app.CallAsync(fresh, "/v1/users/me")) await Unavailable(unseen); // never seen here: nobody can be asked
        using (var writing = await app.PostAsync(key, "/v1/api-keys", "{}")) Assert.Equal(HttpStatusCode.ServiceUnavailable, writing.StatusCode);
        // A known key is believed for five seconds; meanwhile there is no other answer than 200 and 503.
        await TestApp.EventuallyAsync(async () =>
        {
            var status = await app.StatusAsync(key);
            Assert.True(status is HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable, status.ToString());
            return status;
        }, s => s == HttpStatusCode.ServiceUnavailable);
        using (var known = await app.CallAsync(key, "/v1/users/me")) await Unavailable(known);
        using (var known = await app.CallAsync(revoked, "/v1/users/me")) await Unavailable(known);
        using (var mistyped = await app.CallAsync(key[..^1] + (key[^1] == 'a' ? 'b' : 'a'), "/v1/users/me")) await KeysApp.ErrorAsync(mistyped, 401, "unauthorized");

        await first.ExecuteAsync("delete from key_changes"); // who was deaf for long cannot rely on the log: it is pruned
        wire.Mend();
        await TestApp.EventuallyAsync(() => app.StatusAsync(key), s => s == HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.Unauthorized, await app.StatusAsync(revoked)); // what was missed meanwhile is known from the first answer on
        Assert.Equal(HttpStatusCode.OK, await app.StatusAsync(fresh));

        static async Task Unavailable(HttpResponseMessage response)
        {
            await KeysApp.ErrorAsync(response, 503, "unavailable");
            Assert.NotNull(response.Headers.RetryAfter);
        }
    }

    [Fact]
    public async Task Counted_requests_are_written_when_a_node_stops()
    {
        await using var a = new KeysApp(servers);
        await a.InitializeAsync();
        var owner = await a.NewOwnerAsync();
        var (key, id) = await a.NewKeyAsync(owner);
        await using (var b = new KeysApp(servers) { SharesWith = a })
        {
            await b.InitializeAsync();
            for (var i = 0; i < 5; i++) await b.StatusAsync(key);
        }
        Assert.Equal(5, await a.ScalarAsync<long>($"select requests from api_keys where id = '{id}'"));
    }

    private static async Task RevokeAsync(KeysApp app, string key, Guid id)
    {
        using var response = await app.CallAsync(key, $"/v1/api-keys/{id}", HttpMethod.Delete);
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
    }

    private sealed class BehindWire(TestServers servers, DatabaseProxy wire) : KeysApp(servers)
    {
        protected override string? Detour => wire.ConnectionString;
    }
}
