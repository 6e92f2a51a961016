using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;
using Tracepipe.Storefront.Accounts;
using Tracepipe.Tests.App;
using Xunit;
using static Tracepipe.Tests.Accounts.AccountVerbs;

namespace Tracepipe.Tests.Accounts;

/// <summary>The same as <see cref="ProxiedApp"/>, with passwords hashed as often as in life.</summary>
public sealed class HashingApp(TestServers servers) : ProxiedApp(servers)
{
    protected override bool HashesInEarnest => true;
}

/// <summary>Catches: passwords that are cheap to guess from a stolen database, and the work of a hash that tells who has an account.</summary>
public sealed class PasswordHashTests(HashingApp app) : IClassFixture<HashingApp>
{
    // Seen to fail when an unknown address was answered without examining a dummy hash.
    [Fact]
    public async Task An_unknown_address_and_a_wrong_password_get_the_same_answer_in_the_same_time()
    {
        var person = await app.NewPersonAsync();
        await app.ExecuteAsync($"""
            insert into people select gen_random_uuid(), 'Known', 'known' || n || '@example.com', 'KNOWN' || n || '@EXAMPLE.COM', true, password_hash, 's', 's', false, now()
            from people, generate_series(1000, 1019) n where id = '{person.Id}'
            """);
        var times = new Dictionary<string, List<double>>(StringComparer.Ordinal) { ["known"] = [], ["wrong"] = [] };
        var bodies = new HashSet<string>(StringComparer.Ordinal);
        for (var n = 0; n < 20; n++)
        {
            foreach (var kind in new[] { "known", "wrong" })
            {
                using var browser = app.NewBrowserAt($"198.51.100.{n}");
                var email = $"{kind}{1000 + n}@example.com";
                var page = await browser.GetAsync("/login");
                var document = await TestBrowser.ParseAsync(page);
                var clock = Stopwatch.GetTimestamp();
                var answer = await browser.SubmitAsync(document, page.RequestMessage!.RequestUri!, new() { ["Email"] = email, ["Password"] = "certainly not this one" }, null);
                times[kind].Add(Stopwatch.GetElapsedTime(clock).TotalMilliseconds);
                bodies.Add($"{answer.StatusCode} {(await answer.StableBodyAsync()).Replace(email, "…", StringComparison.Ordinal)}");
            }
        }
        Assert.Single(bodies);
        // Examining a hash takes tens of milliseconds: without it the gap is as large as the work.
        Assert.True(Math.Abs(Median(times["known"]) - Median(times["wrong"])) < Median(times["known"]) / 2, $"known {Median(times["known"]):0.0} ms, unknown {Median(times["wrong"]):0.0} ms");
    }

    // Seen to fail with the framework's default of 100,000.
    [Fact]
    public async Task Stored_hashes_are_PBKDF2_with_SHA512_and_220000_iterations()
    {
        var person = await app.NewPersonAsync();
        var hash = Convert.FromBase64String(await app.ScalarAsync<string>($"select password_hash from people where id = '{person.Id}'"));
        Assert.Equal(1, hash[0]); // format marker of Identity's third version
        Assert.Equal(2u, System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(hash.AsSpan(1))); // HMAC-SHA512
        Assert.Equal(220_000u, System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(hash.AsSpan(5)));
    }

    [Fact]
    public async Task An_older_hash_is_renewed_at_log_in_and_other_sessions_go_on()
    {
        var person = await app.NewPersonAsync();
        var old = new PasswordHasher<Person>(Options.Create(new PasswordHasherOptions { IterationCount = 10_000 })).HashPassword(null!, person.Password);
        await app.ExecuteAsync($"update people set password_hash = '{old}' where id = '{person.Id}'");
        using var browser = app.NewBrowser();
        Assert.Equal(HttpStatusCode.SeeOther, (await browser.LogInAsync(person.Email, person.Password)).StatusCode);
        Assert.NotEqual(old, await app.ScalarAsync<string>($"select password_hash from people where id = '{person.Id}'"));
        Assert.True(await person.Browser.IsInAsync());
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
