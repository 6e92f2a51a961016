using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Traces.Pages;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Traces;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.Traces;

/// <summary>Catches: an upload that a broken connection ends, a price that is not the one charged, pages of sessions that a person without script, with a screen reader, or on a phone cannot use.</summary>
public sealed partial class SessionJourney(BrowserFixture browser, SessionJourney.Shaky app) : ProductTest(browser, app), IClassFixture<SessionJourney.Shaky>
{
    /// <summary>The product behind a line that can be cut in the middle of a request.</summary>
    public sealed class Shaky(TestServers servers) : TracesApp(servers)
    {
        /// <summary>The next piece of an upload is cut after so many bytes; 0: none is.</summary>
        public int CutAfter { get; set; }

        /// <summary>The answer to the next piece does not arrive.</summary>
        public bool LosesAnswer { get; set; }

        /// <summary>A blank of the next piece arrives as a tab: still a trace, but not the one that was sent.</summary>
        public bool Spoils { get; set; }

        protected override void Configure(WebApplicationBuilder builder)
        {
            base.Configure(builder);
            builder.Services.AddSingleton<IStartupFilter>(new Scissors(this));
        }

        private sealed class Scissors(Shaky line) : IStartupFilter
        {
            public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
            {
                app.Use((context, rest) =>
                {
                    if (!HttpMethods.IsPatch(context.Request.Method)) return rest(context);
                    if (line.CutAfter > 0) context.Request.Body = new Bent(context.Request.Body, (passed, _) => { if (passed >= line.CutAfter) { line.CutAfter = 0; context.Abort(); } });
                    if (line.LosesAnswer) context.Request.Body = new Bent(context.Request.Body, (_, bytes) => { if (bytes.IsEmpty) { line.LosesAnswer = false; context.Abort(); } });
                    if (line.Spoils) context.Request.Body = new Bent(context.Request.Body, (_, bytes) => { if (line.Spoils && bytes.LastIndexOf((byte)' ') is >= 0 and var at) { bytes[at] = (byte)'\t'; line.Spoils = false; } });
                    return rest(context);
                });
                next(app);
            };
        }

        private delegate void Bend(long passed, Span<byte> bytes);

        /// <summary>A body to which something happens on its way.</summary>
        private sealed class Bent(Stream inner, Bend bend) : Stream
        {
            private long passed;

            public override bool CanRead => true;

            public override bool CanSeek => false;

            public override bool CanWrite => false;

            public override long Length => throw new NotSupportedException();

            public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

            public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
            {
                var got = await inner.ReadAsync(buffer, cancellationToken);
                bend(passed, buffer.Span[..got]);
                passed += got;
                return got;
            }

            public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

            public override void Flush() { }

            public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

            public override void SetLength(long value) => throw new NotSupportedException();

            public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        }
    }

    /// <summary>A recording of some seconds with input, several processes, and as many bytes as asked for.</summary>
    private static byte[] Recording(int bytes, string name = "checkout")
    {
        var text = new StringBuilder("""{"traceEvents":[""");
        text.Append("""{"ph":"M","name":"process_name","pid":10,"tid":1,"ts":0,"args":{"name":"Renderer"}},{"ph":"M","name":"thread_name","pid":10,"tid":1,"ts":0,"args":{"name":"CrRendererMain"}},{"ph":"M","name":"process_name","pid":11,"tid":5,"ts":0,"args":{"name":"Browser"}}""");
        string[] kinds = ["mousemove", "mousedown", "mouseup", "click", "keydown", "keyup"], categories = ["devtools.timeline", "input,latencyInfo", "loading", "blink.user_timing", "navigation"];
        for (var i = 0; i < 600; i++)
            text.Append(CultureInfo.InvariantCulture, $$$"""{{{",\n"}}}{"ph":"X","ts":{{{1_000_000 + (i * i * 130)}}},"dur":900,"name":"{{{(i % 3 == 0 ? "EventDispatch" : "Layout")}}}","cat":"{{{categories[i % categories.Length]}}}","pid":{{{(i % 7 == 0 ? 11 : 10)}}},"tid":{{{(i % 7 == 0 ? 5 : 1)}}},"args":{"data":{"type":"{{{kinds[i % kinds.Length]}}}"} } }""");
        text.Append(CultureInfo.InvariantCulture, $$$"""],"metadata":{"recording":"{{{name}}} {{{Guid.CreateVersion7()}}}"} }""");
        return Encoding.UTF8.GetBytes(text.ToString().PadRight(bytes));
    }

    private static FilePayload File(byte[] bytes, string name = "checkout-retry.json") => new() { Name = name, MimeType = "application/json", Buffer = bytes };

    private async Task UploadAsync(IPage page, TestPerson person, byte[] bytes, string name, string suite = "Checkout", string description = "")
    {
        await page.GotoAsync(Url(person, "/sessions/upload"));
        await page.GetByLabel("Suite").SelectOptionAsync(suite);
        await page.GetByLabel("Description").FillAsync(description);
        await page.GetByLabel("Trace file").SetInputFilesAsync(File(bytes, name));
        await page.GetByRole(AriaRole.Button, new() { Name = "Upload", Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Uploaded" })).ToBeVisibleAsync();
    }

    // Seen to fail when the page took the word that somebody is at it for a failure.
    [Fact]
    public async Task An_answer_that_is_lost_is_waited_for()
    {
        ExpectedComplaints.Add("net::ERR_");
        ExpectedComplaints.Add("status of 423");
        var (page, person) = await SignedInAsync();
        await page.GotoAsync(Url(person, "/sessions/upload"));
        var file = Recording(100_000);
        await page.GetByLabel("Trace file").SetInputFilesAsync(File(file, "lost.json"));
        await using (await app.HoldContentAsync(person.OrganizationId, file))
        {
            app.LosesAnswer = true;
            // All has arrived, and the page asks what became of it.
            var isAtIt = page.WaitForResponseAsync(answer => answer.Status == 423 && answer.Request.Headers["upload-offset"] == file.Length.ToString(CultureInfo.InvariantCulture));
            await page.GetByRole(AriaRole.Button, new() { Name = "Upload", Exact = true }).ClickAsync();
            await isAtIt;
        }
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Uploaded" })).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Open session" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToContainTextAsync("lost.json");
    }

    [Fact]
    public async Task A_broken_connection_costs_nothing_that_has_arrived()
    {
        ExpectedComplaints.Add("net::ERR_");
        ExpectedComplaints.Add("status of 4"); // 409, 423: the server may still be writing down what the broken request brought
        app.CutAfter = 2_500_000;
        var (page, person) = await SignedInAsync();
        var line = await page.Context.NewCDPSessionAsync(page);
        await page.GotoAsync(Url(person, "/sessions/upload"));
        await page.GetByLabel("Trace file").SetInputFilesAsync(File(Recording(6_000_000), "long.json"));
        await line.SendAsync("Network.enable");
        await line.SendAsync("Network.emulateNetworkConditions", new() { ["offline"] = false, ["latency"] = 0, ["downloadThroughput"] = -1, ["uploadThroughput"] = 1_000_000 });
        var begun = new List<long>();
        page.Request += (_, request) => { if (request.Method == "PATCH") begun.Add(long.Parse(request.Headers["upload-offset"], CultureInfo.InvariantCulture)); };
        await page.GetByRole(AriaRole.Button, new() { Name = "Upload", Exact = true }).ClickAsync();
        var bar = page.GetByRole(AriaRole.Progressbar, new() { Name = "Upload of long.json" });
        await Expect(bar).ToHaveAttributeAsync("aria-valuenow", FromTwenty());
        await Expect(page.GetByText("per second")).ToBeVisibleAsync();
        await Expect(page.GetByText("The connection broke at")).ToContainTextAsync("and the upload went on from there");
        await page.GetByRole(AriaRole.Button, new() { Name = "Pause" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Resume" })).ToBeVisibleAsync();
        await Expect(page.GetByText("Paused", new() { Exact = true })).ToBeVisibleAsync();
        await PictureAsync(page, "sessions/paused-light");
        await page.GetByRole(AriaRole.Button, new() { Name = "Resume" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Uploaded" })).ToBeVisibleAsync();
        Assert.True(begun.Distinct().Count() >= 3 && begun.SequenceEqual(begun.Order()), string.Join(' ', begun)); // went on from where it stood, each time; twice from there when the server was still writing
        var id = await page.GetByLabel("Session id").InputValueAsync();
        Assert.Equal(6_000_000, await App.ScalarAsync<long>($"select bytes from trace_sessions where id = '{id}'"));
        await page.GetByRole(AriaRole.Link, new() { Name = "Open session" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "long.json", Level = 1 })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_reloaded_page_goes_on_and_a_canceled_upload_leaves_nothing()
    {
        var (page, person) = await SignedInAsync();
        var line = await page.Context.NewCDPSessionAsync(page);
        var file = Directory.CreateTempSubdirectory("tp-upload-").FullName + "/again.json";
        await System.IO.File.WriteAllBytesAsync(file, Recording(5_000_000));
        async Task BeginAsync(int bytesPerSecond)
        {
            await page.GotoAsync(Url(person, "/sessions/upload"));
            await line.SendAsync("Network.enable");
            await line.SendAsync("Network.emulateNetworkConditions", new() { ["offline"] = false, ["latency"] = 0, ["downloadThroughput"] = -1, ["uploadThroughput"] = bytesPerSecond });
            await page.GetByLabel("Trace file").SetInputFilesAsync(file);
            await page.GetByRole(AriaRole.Button, new() { Name = "Upload", Exact = true }).ClickAsync();
        }
        await BeginAsync(2_000_000);
        await Expect(page.GetByRole(AriaRole.Progressbar)).ToHaveAttributeAsync("aria-valuenow", FromTwenty());
        page.Dialog += (_, dialog) => _ = dialog.AcceptAsync(); // leaving is asked about
        await BeginAsync(100_000);
        await Expect(page.GetByText("goes on from where it stopped")).ToBeVisibleAsync();
        Assert.Equal(1, await App.ScalarAsync<long>($"select count(*) from trace_uploads where organization_id = '{person.OrganizationId}'"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Cancel upload" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Upload", Exact = true })).ToBeVisibleAsync();
        await TestApp.EventuallyAsync(() => App.ScalarAsync<long>($"select count(*) from trace_uploads where organization_id = '{person.OrganizationId}'"), n => n == 0);
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    [Fact]
    public async Task What_is_wrong_with_a_file_is_said_before_or_after_sending_and_the_price_is_exact()
    {
        ExpectedComplaints.Add("422");
        var (page, person) = await SignedInAsync();
        await App.ExecuteAsync($"insert into storage_levels (organization_id, current_bytes, included_bytes, as_of) values ('{person.OrganizationId}', 1999999000, 2000000000, '{App.Clock.GetUtcNow():O}')");
        await page.GotoAsync(Url(person, "/sessions/upload"));
        await page.GetByLabel("Trace file").SetInputFilesAsync(File("hello"u8.ToArray(), "notes.txt"));
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("neither JSON nor gzip");
        await page.GetByLabel("Trace file").SetInputFilesAsync(File(Encoding.UTF8.GetBytes("""[{"ph":"X","ts":1},{"ph":"X"}]""".PadRight(3_000_000)), "broken.json"));
        await Expect(page.GetByRole(AriaRole.Alert)).ToBeHiddenAsync();
        var (price, _) = await App.Services.GetRequiredService<StorageUse>().PriceAsync(person.OrganizationId, CancellationToken.None);
        foreach (var days in (int[])[7, 30, 365])
            await Expect(page.Locator($"[data-upload-days='{days}']")).ToHaveTextAsync(TraceWords.Dollars(price.Of(3_000_000, days * 24)));
        await App.ExecuteAsync($"delete from storage_levels where organization_id = '{person.OrganizationId}'");
        await page.GetByRole(AriaRole.Button, new() { Name = "Upload", Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("ts");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Upload", Exact = true })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task What_arrives_otherwise_than_it_was_sent_is_refused_and_goes_through_when_it_is_sent_again()
    {
        ExpectedComplaints.Add("422");
        ExpectedComplaints.Add("404 (Not Found)"); // the second try asks for the first, which is forgotten
        var (page, person) = await SignedInAsync();
        await page.GotoAsync(Url(person, "/sessions/upload"));
        await page.GetByLabel("Trace file").SetInputFilesAsync(File(Recording(9_000_000), "spoiled.json"));
        app.Spoils = true;
        await page.GetByRole(AriaRole.Button, new() { Name = "Upload", Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("the SHA-256 differs");
        Assert.Equal(0, await App.ScalarAsync<long>($"select count(*) from trace_sessions where organization_id = '{person.OrganizationId}'"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Upload", Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Uploaded" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Sessions_are_found_read_kept_and_deleted()
    {
        var (page, person) = await SignedInAsync();
        await page.GotoAsync(Url(person, "/sessions"));
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "No sessions yet" })).ToBeVisibleAsync();
        await UploadAsync(page, person, Recording(200_000), "first.json", description: "Two retries");
        await UploadAsync(page, person, Recording(900_000), "second.json", "Search");
        await UploadAsync(page, person, Recording(300_000), "third.json", "Search");

        await page.GotoAsync(Url(person, "/dashboard"));
        await Expect(page.GetByText("Upload a trace, done")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "All sessions" }).ClickAsync();
        await page.GetByLabel("Suite").SelectOptionAsync("Search");
        await page.GetByLabel("Order").SelectOptionAsync("Largest first");
        await page.GetByRole(AriaRole.Button, new() { Name = "Show" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Row)).ToHaveCountAsync(3);
        await Expect(page.GetByRole(AriaRole.Row).Nth(1)).ToContainTextAsync("second.json");

        await page.GetByLabel("Select second.json").CheckAsync();
        await page.GetByLabel("Select third.json").CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete selected" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Delete 2 sessions?" })).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete 2 sessions" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Status).Filter(new() { HasText = "2 sessions deleted" }).First).ToBeVisibleAsync();

        await page.GetByRole(AriaRole.Link, new() { Name = "first.json" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "first.json", Level = 1 })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Img, new() { Name = "Activity over" })).ToBeVisibleAsync();
        await page.GetByLabel("Delete it, from today").SelectOptionAsync("After 30 days");
        await page.GetByRole(AriaRole.Button, new() { Name = "Save" }).ClickAsync();
        await Expect(page.GetByText("It deletes itself on")).ToBeVisibleAsync();
        var download = await page.RunAndWaitForDownloadAsync(() => page.GetByRole(AriaRole.Link, new() { Name = "Download" }).ClickAsync());
        Assert.Equal(("first.json", 200_000), (download.SuggestedFilename, (int)new FileInfo(await download.PathAsync()).Length));
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete" }).ClickAsync();
        await page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Delete session" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "No sessions yet" })).ToBeVisibleAsync();
        Assert.Equal(0, await App.ScalarAsync<long>($"select current_bytes from storage_levels where organization_id = '{person.OrganizationId}'"));
    }

    [Fact]
    public async Task Without_script_a_session_is_uploaded_listed_read_and_deleted()
    {
        var (page, person) = await SignedInAsync(new() { JavaScriptEnabled = false });
        await page.GotoAsync(Url(person, "/sessions/upload"));
        await page.GetByLabel("Suite").SelectOptionAsync("Search");
        await page.GetByLabel("Trace file").SetInputFilesAsync(File("<html>"u8.ToArray(), "page.html"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Upload", Exact = true }).ClickAsync();
        await Expect(page).ToHaveURLAsync(Url(person, "/sessions/upload"));
        await page.GetByLabel("Trace file").SetInputFilesAsync(File(Recording(50_000), "plain.json"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Upload", Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "plain.json", Level = 1 })).ToBeVisibleAsync();
        await page.GotoAsync(Url(person, "/sessions?sort=name"));
        await page.GetByRole(AriaRole.Link, new() { Name = "plain.json" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Delete “plain.json”?" })).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete session" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "No sessions yet" })).ToBeVisibleAsync();
    }

    [Theory]
    [InlineData(1440)]
    [InlineData(390)]
    public async Task The_pages_are_flawless(int width)
    {
        var (page, person) = await SignedInAsync(Window(width));
        var flaws = new List<string>();
        async Task LookAsync(string path, string name)
        {
            if (path.Length > 0) await page.GotoAsync(Url(person, path));
            flaws.AddRange(await FlawsAsync(page, $"sessions/{name}-{width}"));
        }
        await LookAsync("/sessions", "empty");
        await LookAsync("/sessions/upload", "upload");
        await page.GetByLabel("Trace file").SetInputFilesAsync(File(Recording(3_200_000), "checkout-expired-card.json"));
        await Expect(page.GetByText("this file, 3.2 MB")).ToBeVisibleAsync();
        await LookAsync("", "chosen");
        await UploadAsync(page, person, Recording(900_000), "checkout-expired-card-with-a-rather-long-name-that-somebody-thought-of.json", description: "Checkout with an expired card, two retries");
        await LookAsync("", "uploaded");
        await page.GetByRole(AriaRole.Link, new() { Name = "Open session" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Timeline" })).ToBeVisibleAsync();
        await LookAsync("", "session");
        await UploadAsync(page, person, Recording(100_000), "search-filters.json", "Search");
        await LookAsync("/sessions", "list");
        await LookAsync("/dashboard", "dashboard");
        None(flaws);
    }

    [GeneratedRegex("^[2-9][0-9]$", RegexOptions.None, 1000)]
    private static partial Regex FromTwenty();
}
