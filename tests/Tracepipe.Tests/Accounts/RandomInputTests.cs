using System.Net;
using System.Text;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Accounts;

/// <summary>Catches: input that nobody thought of and that becomes an error of ours.</summary>
public sealed class RandomInputTests(TestApp app) : IClassFixture<TestApp>
{
    private static readonly string[] Nasty =
    [
        "", " ", "\0", "a\0b@example.com", "\ud800", "\u202Eevil", "é́́́", new('x', 5_000), "'; drop table people; --", "<script>", "%00", "{0}", "../../etc/passwd", "😀😀😀😀😀😀😀😀😀😀",
        "a@" + new string('b', 250) + ".com", "a@b.c\r\nX: y", "null", "-1", "admin@localhost", "\uFFFD\uFFFE",
    ];

    [Theory]
    [InlineData("/register", "register")]
    [InlineData("/login", "login")]
    [InlineData("/forgot-password", "forgot-password")]
    [InlineData("/settings/profile", "name")]
    [InlineData("/settings/profile", "email")]
    [InlineData("/settings/security", "password")]
    public async Task Whatever_is_typed_is_answered_as_a_mistake_of_the_person(string path, string form)
    {
        var seed = Environment.TickCount;
        var random = new Dice(seed);
        var person = path.StartsWith("/settings", StringComparison.Ordinal) ? await app.NewPersonAsync() : null;
        using var stranger = app.NewBrowser();
        var browser = person?.Browser ?? stranger;
        var document = await TestBrowser.ParseAsync(await browser.GetAsync(path));
        var names = document.QuerySelectorAll("form input[name]").Select(i => i.GetAttribute("name")!).Where(n => n.Contains('.', StringComparison.Ordinal)).Append("_handler").Append("Form").ToList();
        var token = document.QuerySelector("input[name=__RequestVerificationToken]")!.GetAttribute("value")!;
        for (var i = 0; i < 40; i++)
        {
            var fields = new List<KeyValuePair<string, string>> { new("__RequestVerificationToken", token), new("_handler", form) };
            for (var f = random.Next(6); f >= 0; f--) fields.Add(new(names[random.Next(names.Count)], Nasty[random.Next(Nasty.Length)]));
            var body = string.Join('&', fields.Select(f => $"{f.Key}={(random.Next(8) == 0 ? "%ff%fe%00" : Uri.EscapeDataString(f.Value.Replace("\ud800", "", StringComparison.Ordinal)))}"));
            using var content = new StringContent(body, Encoding.ASCII, "application/x-www-form-urlencoded");
            var answer = await browser.Http.PostAsync(path, content);
            Assert.True((int)answer.StatusCode < 500, $"seed {seed}, round {i}: {(int)answer.StatusCode} for {body[..Math.Min(body.Length, 300)]}");
        }
    }

    [Fact]
    public async Task Broken_bodies_and_headers_are_refused()
    {
        using var browser = app.NewBrowser();
        foreach (var (type, body) in new[] { ("application/x-www-form-urlencoded", new string('&', 3_000)), ("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"a"), ("multipart/form-data", ""), ("application/json", "{"), ("text/plain", "x"), ("application/x-www-form-urlencoded", new string('a', 900_000)) })
        {
            using var content = new ByteArrayContent(Encoding.ASCII.GetBytes(body));
            content.Headers.TryAddWithoutValidation("Content-Type", type);
            var answer = await browser.Http.PostAsync("/login", content);
            Assert.True(answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.UnsupportedMediaType, $"{type}: {answer.StatusCode}");
        }
        foreach (var cookie in new[] { $"tracepipe-{app.Address.Port}=made-up", $"tracepipe-{app.Address.Port}=chunks-9", $"tracepipe-device-{app.Address.Port}=CfDJ8", $"tracepipe-browser-{app.Address.Port}={new string('x', 43)}", $"tracepipe-form-{app.Address.Port}=zz" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, "/login"));
            request.Headers.TryAddWithoutValidation("Cookie", cookie);
            Assert.Equal(HttpStatusCode.OK, (await TestApp.Http.SendAsync(request)).StatusCode);
        }
    }

    /// <summary>A small generator whose seed is printed when a test fails.</summary>
    private sealed class Dice(int seed)
    {
        private uint state = (uint)seed | 1;

        public int Next(int below)
        {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            return (int)(state % (uint)below);
        }
    }
}
