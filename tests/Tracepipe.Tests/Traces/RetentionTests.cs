using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Traces;
using Tracepipe.Storefront.Traces.Storage;
using Tracepipe.Storefront.Traces.Uploads;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Keys;

namespace Tracepipe.Tests.Traces;

/// <summary>Catches: a session that outlives its time or goes before it, bytes that stay on disk or in the bill after that, an unfinished upload that stays for ever.</summary>
public sealed class RetentionTests(TracesApp app) : IClassFixture<TracesApp>
{
    private async Task<(TestPerson Person, string Key)> NewAsync()
    {
        var person = await app.NewPersonAsync();
        return (person, (await app.NewFullKeyAsync(new Owner(person.Id, person.Name, person.OrganizationId, person.Slug))).Secret);
    }

    private async Task<IReadOnlyList<string?>> ListAsync(string key)
    {
        using var answer = await app.CallAsync(key, "/v1/sessions");
        return [.. JsonElement.Parse(await answer.Content.ReadAsStringAsync()).GetProperty("items").EnumerateArray().Select(i => i.GetProperty("id").GetString())];
    }

    private bool IsOnDisk(JsonElement session) => app.OnDisk.Any(f => Path.GetFileName(f) == session.GetProperty("sha256").GetString());

    // Seen to fail when what had expired was only hidden.
    [Fact]
    public async Task A_session_deletes_itself_at_its_time_from_lists_and_is_then_neither_charged_nor_on_disk()
    {
        var was = app.Clock.GetUtcNow();
        var (person, key) = await NewAsync();
        var (soon, later) = (await app.UploadAsync(key, TracesApp.Trace(500)), await app.UploadAsync(key, TracesApp.Trace(600)));
        var id = soon.GetProperty("id").GetString();
        Assert.Equal(HttpStatusCode.SeeOther, (await person.Browser.SubmitAsync($"/o/{person.Slug}/sessions/{id}", new() { ["Delete it, from today"] = "7" })).StatusCode);
        app.Clock.Advance(TimeSpan.FromDays(7) - TimeSpan.FromMinutes(1));
        await app.Services.GetRequiredService<TraceSessions>().ExpireAsync(CancellationToken.None);
        Assert.Equal(2, (await ListAsync(key)).Count);
        app.Clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal([later.GetProperty("id").GetString()], await ListAsync(key)); // nobody has swept yet
        foreach (var path in (string[])["", "/summary", "/file"])
            using (var gone = await app.CallAsync(key, $"/v1/sessions/{id}{path}")) await KeysApp.ErrorAsync(gone, 404, "not_found");
        await app.Services.GetRequiredService<TraceSessions>().ExpireAsync(CancellationToken.None);
        Assert.Equal(600, await app.ScalarAsync<long>($"select current_bytes from storage_levels where organization_id = '{person.OrganizationId}'"));
        await app.Services.GetRequiredService<TraceErasures>().EraseFreedAsync(CancellationToken.None);
        Assert.Equal((false, true), (IsOnDisk(soon), IsOnDisk(later)));
        app.Clock.MoveTo(was);
    }

    [Fact]
    public async Task An_organization_s_retention_is_that_of_new_sessions_and_of_no_others()
    {
        var (person, key) = await NewAsync();
        var before = await app.UploadAsync(key, TracesApp.Trace(500));
        Assert.Equal(HttpStatusCode.SeeOther, (await person.Browser.SubmitAsync($"/o/{person.Slug}/sessions", new() { ["Delete them"] = "30" })).StatusCode);
        var after = await app.UploadAsync(key, TracesApp.Trace(500));
        Assert.Equal(JsonValueKind.Null, before.GetProperty("keep_until").ValueKind);
        Assert.Equal(30, (after.GetProperty("keep_until").GetDateTimeOffset() - after.GetProperty("created_at").GetDateTimeOffset()).TotalDays, 3);
        Assert.Equal(HttpStatusCode.SeeOther, (await person.Browser.SubmitAsync($"/o/{person.Slug}/sessions", new() { ["Delete them"] = "never" })).StatusCode);
        Assert.Equal(JsonValueKind.Null, (await app.UploadAsync(key, TracesApp.Trace(500))).GetProperty("keep_until").ValueKind);
    }

    [Fact]
    public async Task What_is_deleted_is_erased_from_disk_unless_another_session_has_it()
    {
        var key = (await app.NewFullKeyAsync(await app.NewOwnerAsync())).Secret;
        var file = TracesApp.Trace(800);
        var (first, second) = (await app.UploadAsync(key, file), await app.UploadAsync(key, file));
        await app.DeleteSessionAsync(key, first);
        await app.Services.GetRequiredService<TraceErasures>().EraseFreedAsync(CancellationToken.None);
        Assert.True(IsOnDisk(second));
        await app.DeleteSessionAsync(key, second);
        await app.Services.GetRequiredService<TraceErasures>().EraseFreedAsync(CancellationToken.None);
        Assert.False(IsOnDisk(second));
    }

    [Fact]
    public async Task An_upload_that_nobody_finishes_is_erased_a_day_after_its_last_piece()
    {
        var was = app.Clock.GetUtcNow();
        var key = (await app.NewFullKeyAsync(await app.NewOwnerAsync())).Secret;
        using var begun = await app.BeginAsync(key, TracesApp.Trace(900));
        var address = begun.Headers.Location!.ToString();
        app.Clock.Advance(TimeSpan.FromHours(20));
        using (var piece = await app.PieceAsync(key, address, 0, new byte[100])) Assert.Equal(HttpStatusCode.NoContent, piece.StatusCode);
        app.Clock.Advance(TimeSpan.FromHours(20));
        await app.Services.GetRequiredService<TraceUploads>().SweepAsync(CancellationToken.None);
        using (var stands = await app.TusAsync(key, HttpMethod.Head, address, content: null)) Assert.Equal("100", TracesApp.Header(stands, "Upload-Offset"));
        app.Clock.Advance(TimeSpan.FromHours(5));
        using (var gone = await app.TusAsync(key, HttpMethod.Head, address, content: null)) Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
        await app.Services.GetRequiredService<TraceUploads>().SweepAsync(CancellationToken.None);
        Assert.DoesNotContain(app.OnDisk, f => f.EndsWith(Guid.Parse(address[^36..]).ToString("N"), StringComparison.Ordinal));
        app.Clock.MoveTo(was);
    }

    // Seen to fail when the sweep went by the age of the file alone.
    [Fact]
    public async Task A_sweep_leaves_alone_what_is_just_arriving()
    {
        var was = app.Clock.GetUtcNow();
        var key = (await app.NewFullKeyAsync(await app.NewOwnerAsync())).Secret;
        var file = TracesApp.Trace(400_000);
        using var slow = new HalfWay(file);
        var before = app.OnDisk;
        var form = new MultipartFormDataContent { { new StringContent("checkout"), "suite_id" }, { slow, "trace", "trace.json" } };
        var sending = app.CallAsync(key, "/v1/sessions", HttpMethod.Post, form);
        await slow.IsThere;
        await TestApp.EventuallyAsync(() => Task.FromResult(app.OnDisk.Except(before).Any()), there => there);
        app.Clock.Advance(TimeSpan.FromDays(3));
        await app.Services.GetRequiredService<TraceUploads>().SweepAsync(CancellationToken.None);
        app.Clock.MoveTo(was);
        slow.GoOn();
        using var answer = await sending;
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
    }

    /// <summary>A file that is sent by half, and whole when it is told to go on.</summary>
    private sealed class HalfWay(byte[] file) : HttpContent
    {
        private readonly TaskCompletionSource sent = new(TaskCreationOptions.RunContinuationsAsynchronously), told = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task IsThere => sent.Task;

        public void GoOn() => told.TrySetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(file.AsMemory(0, file.Length / 2));
            await stream.FlushAsync();
            sent.TrySetResult();
            await told.Task;
            await stream.WriteAsync(file.AsMemory(file.Length / 2));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = file.Length;
            return true;
        }
    }
}
