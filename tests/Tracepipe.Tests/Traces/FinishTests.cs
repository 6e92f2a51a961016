using System.Net;
using Tracepipe.Tests.App;

namespace Tracepipe.Tests.Traces;

/// <summary>Catches: an upload that has arrived whole and never becomes a session, because making one takes longer than a connection on the way lasts.</summary>
public sealed class FinishTests(ErasureTests.Node app) : IClassFixture<ErasureTests.Node>
{
    // Seen to fail when the sender's going ended it, and when its time with the upload ran out.
    [Fact]
    public async Task What_has_arrived_whole_becomes_a_session_though_its_sender_is_gone()
    {
        var owner = await app.NewOwnerAsync();
        var key = (await app.NewFullKeyAsync(owner)).Secret;
        var file = TracesApp.Trace(5000);
        using var begun = await app.BeginAsync(key, file);
        var address = begun.Headers.Location!.ToString();
        await using (await app.HoldContentAsync(owner.OrganizationId, file))
        {
            using (var gone = new CancellationTokenSource())
            {
                var last = app.PieceAsync(key, address, 0, file, gone.Token);
                await StandsAtAsync($"(select received from trace_uploads where id = '{address[^36..]}')", file.Length);
                await StandsAtAsync("(select count(*) from pg_locks where locktype = 'advisory' and not granted)", 1);
                await gone.CancelAsync();
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => last);
            }
            for (var round = 0; round < 2; round++) // longer than anybody has an upload for himself
            {
                app.Clock.Advance(TimeSpan.FromSeconds(25));
                app.Round();
                await StandsAtAsync($"(select (leased_until > '{app.Clock.GetUtcNow().AddSeconds(20):O}')::int from trace_uploads where id = '{address[^36..]}')", 1);
            }
            using var meanwhile = await app.PieceAsync(key, address, file.Length, []);
            Assert.Equal(HttpStatusCode.Locked, meanwhile.StatusCode);
        }
        await StandsAtAsync($"(select count(*) from trace_sessions where organization_id = '{owner.OrganizationId}')", 1);
        await StandsAtAsync($"(select (lease is null)::int from trace_uploads where id = '{address[^36..]}')", 1);
        using var asked = await app.PieceAsync(key, address, file.Length, []);
        Assert.Equal(HttpStatusCode.NoContent, asked.StatusCode);
        using var back = await app.CallAsync(key, $"/v1/sessions/{TracesApp.Header(asked, "Tracepipe-Session")}/file");
        Assert.Equal(file, await back.Content.ReadAsByteArrayAsync());
    }

    private Task StandsAtAsync(string sql, long value) => TestApp.EventuallyAsync(() => app.ScalarAsync<long>($"select {sql}::bigint"), now => now == value);
}
