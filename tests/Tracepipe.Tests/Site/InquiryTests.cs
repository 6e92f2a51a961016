using System.Net;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Site;

/// <summary>Catches: a question that nobody receives, a form that anybody's program can use as a mail gun, or one that other sites can post.</summary>
public sealed class InquiryTests(TestServers servers)
{
    private static Dictionary<string, string> Question(string about) => new()
    {
        ["Your name"] = "Grace Hopper", ["Your email"] = "grace@navy.example.com", ["Company"] = "Navy", ["What do you need?"] = $"Ten thousand runs a day.\n{about}",
    };

    [Fact]
    public async Task A_question_reaches_every_operator_or_the_brand_while_there_is_none()
    {
        await using var app = new TestApp(servers);
        await app.InitializeAsync();
        using var browser = app.NewBrowser();
        var page = await browser.PageAsync("/pricing");
        Assert.Equal("#enterprise", page.QuerySelector("section[aria-labelledby=plan-enterprise] a")!.GetAttribute("href"));
        Assert.NotNull(page.GetElementById("enterprise"));

        var sent = await browser.SubmitAsync("/pricing", Question("first"));
        Assert.Equal((HttpStatusCode.SeeOther, "/pricing#enterprise"), (sent.StatusCode, sent.Headers.Location!.OriginalString));
        Assert.Contains("first", await app.ScalarAsync<string>("select body from mails where recipient = 'hello@tracepipe.local'"), StringComparison.Ordinal);

        var person = await app.NewPersonAsync();
        await app.ExecuteAsync($"insert into operators (person_id, added_at) values ('{person.Id}', now())");
        await browser.SubmitAsync("/pricing", Question("second"));
        var mail = await app.ScalarAsync<string>($"select subject || E'\\n' || body from mails where recipient = '{person.Email}' and subject like 'Enterprise%'");
        Assert.Contains("Enterprise: Grace Hopper, Navy", mail, StringComparison.Ordinal);
        Assert.Contains("Answer to: grace@navy.example.com", mail, StringComparison.Ordinal);
        Assert.Contains("Ten thousand runs a day.\nsecond", mail, StringComparison.Ordinal);
        Assert.Equal(1, await app.ScalarAsync<long>("select count(*) from mails where recipient = 'hello@tracepipe.local'"));
    }

    [Fact]
    public async Task What_is_missing_is_said_at_its_field_and_nothing_is_sent()
    {
        await using var app = new TestApp(servers);
        await app.InitializeAsync();
        using var browser = app.NewBrowser();
        foreach (var (label, value) in new[] { ("Your name", ""), ("Your name", "A\nBcc: x"), ("Your email", "nobody"), ("What do you need?", " "), ("What do you need?", new string('x', 4001)) })
        {
            var fields = Question("wrong");
            fields[label] = value;
            var answer = await browser.SubmitAsync("/pricing", fields);
            Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
            var page = await TestBrowser.ParseAsync(answer);
            Assert.Equal("Pricing", page.QuerySelector("h1")!.TextContent);
            Assert.NotNull(page.QuerySelector("[aria-invalid=true]"));
        }
        Assert.Equal(0, await app.ScalarAsync<long>("select count(*) from mails"));
    }

    [Fact]
    public async Task One_network_sends_a_few_and_then_waits()
    {
        await using var app = new TestApp(servers);
        await app.InitializeAsync();
        using var browser = app.NewBrowser();
        for (var i = 0; i < 5; i++) Assert.Equal(HttpStatusCode.SeeOther, (await browser.SubmitAsync("/pricing", Question($"{i}"))).StatusCode);
        HttpResponseMessage answer;
        var tries = 0;
        do answer = await browser.SubmitAsync("/pricing", Question("too many"));
        while (answer.StatusCode == HttpStatusCode.SeeOther && ++tries < 5);
        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.True(answer.Headers.RetryAfter!.Delta > TimeSpan.Zero);
    }

    [Fact]
    public async Task Without_the_pages_token_nothing_is_sent()
    {
        await using var app = new TestApp(servers);
        await app.InitializeAsync();
        using var browser = app.NewBrowser();
        using var content = new FormUrlEncodedContent(new Dictionary<string, string> { ["_handler"] = "contact", ["Form.Name"] = "x", ["Form.Email"] = "x@example.com", ["Form.Message"] = "x" });
        using var answer = await browser.Http.PostAsync("/pricing", content);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(0, await app.ScalarAsync<long>("select count(*) from mails"));
    }
}
