using System.Net;
using Tracepipe.Tests.App;
using Xunit;
using static Tracepipe.Tests.Accounts.AccountVerbs;
using static Tracepipe.Tests.Accounts.External.SignInApp;

namespace Tracepipe.Tests.Accounts.External;

/// <summary>Catches: somebody let in who did not sign in, somebody kept out who did, a provider that is away taking the site with it.</summary>
[Collection(nameof(SignInCollection))]
public sealed class SignInTests(SignInApp app)
{
    [Fact]
    public async Task A_first_sign_in_makes_the_person_and_the_personal_organization()
    {
        using var browser = app.NewBrowser();
        var (account, email) = await app.NewcomerAsync();
        var landed = await app.SignInAsync(browser, account);
        Assert.Equal(HttpStatusCode.OK, landed.StatusCode);
        Assert.EndsWith("/dashboard", landed.RequestMessage!.RequestUri!.AbsolutePath, StringComparison.Ordinal);
        var person = await app.ScalarAsync<Guid>($"select id from people where email = '{email}' and password_hash is null and email_confirmed and display_name = 'Grace Hopper'");
        Assert.NotEqual(Guid.Empty, person);
        Assert.Equal(1, await app.CountAsync($"members m join organizations o on o.id = m.organization_id where m.person_id = '{person}' and o.is_personal and m.role = 'owner'"));
        Assert.Equal(1, await app.CountAsync($"external_identities where person_id = '{person}' and issuer = '{app.Provider.Issuer}' and subject = '{account}'"));
        Assert.Equal(1, await app.CountAsync($"audit_entries where actor_id = '{person}' and action = 'sign_in.linked'"));
    }

    [Fact]
    public async Task Somebody_who_returns_is_the_same_person_whatever_his_address_is_now()
    {
        using var browser = app.NewBrowser();
        var (account, email) = await app.NewcomerAsync();
        await app.SignInAsync(browser, account);
        await app.Provider.AddAsync(account, new { email = "moved@contoso.example", email_verified = true, name = "Grace Murray" });
        using var elsewhere = app.NewBrowser();
        await app.SignInAsync(elsewhere, account);
        Assert.True(await elsewhere.IsInAsync());
        var person = await app.ScalarAsync<Guid>($"select id from people where email = '{email}'");
        Assert.Equal(2, await app.CountAsync($"signed_in_devices where person_id = '{person}'"));
        Assert.Equal(0, await app.CountAsync("people where email = 'moved@contoso.example'"));
        Assert.Equal(1, await app.CountAsync($"audit_entries where actor_id = '{person}' and action = 'sign_in.signed_in'"));
    }

    // Seen to fail when an identity was found by its address, too.
    [Fact]
    public async Task Whoever_gets_somebodys_address_at_the_provider_gains_nothing()
    {
        using var first = app.NewBrowser();
        var (account, email) = await app.NewcomerAsync();
        await app.SignInAsync(first, account);
        using var second = app.NewBrowser();
        var (heir, _) = await app.NewcomerAsync(email: email);
        Assert.Equal("email_taken", ReasonOf(await app.SignInAsync(second, heir)));
        Assert.False(await second.IsInAsync());
        Assert.Equal(0, await app.CountAsync($"external_identities where subject = '{heir}'"));
    }

    [Fact]
    public async Task The_same_subject_at_another_issuer_is_somebody_else()
    {
        var other = await app.NewPersonAsync();
        var (account, email) = await app.NewcomerAsync();
        await app.ExecuteAsync($"insert into external_identities (issuer, subject, id, person_id, provider, linked_at) values ('https://other.example', '{account}', '{Guid.CreateVersion7()}', '{other.Id}', 'other', now())");
        using var browser = app.NewBrowser();
        await app.SignInAsync(browser, account);
        Assert.NotEqual(other.Id, await app.ScalarAsync<Guid>($"select person_id from external_identities where issuer = '{app.Provider.Issuer}' and subject = '{account}'"));
        Assert.Equal(1, await app.CountAsync($"people where email = '{email}'"));
    }

    // Seen to fail when the button was left to Turbo.
    [Fact]
    public async Task The_button_stands_on_both_pages_and_keeps_where_one_was_going()
    {
        using var browser = app.NewBrowser();
        foreach (var path in new[] { "/login?returnUrl=%2Fsettings%2Fprofile", "/register" })
        {
            var button = (await browser.PageAsync(path)).QuerySelectorAll("a").Single(a => a.TextContent.Trim() == "Continue with Contoso");
            Assert.Equal("false", button.GetAttribute("data-turbo"));
            Assert.NotNull(button.QuerySelector("svg"));
            Assert.Equal(path.StartsWith("/login", StringComparison.Ordinal) ? "/login/with/sso?returnUrl=%2Fsettings%2Fprofile" : "/login/with/sso", button.GetAttribute("href"));
        }
        var (account, _) = await app.NewcomerAsync();
        var landed = await app.SignInAsync(browser, account, "/login/with/sso?returnUrl=%2Fsettings%2Fprofile");
        Assert.Equal("/settings/profile", landed.RequestMessage!.RequestUri!.AbsolutePath);
    }

    [Theory]
    [InlineData("https://evil.example")]
    [InlineData("//evil.example")]
    [InlineData("/\\evil.example")]
    public async Task A_way_back_that_leaves_the_site_is_refused(string returnUrl)
    {
        using var browser = app.NewBrowser();
        Assert.Equal(HttpStatusCode.BadRequest, (await browser.GetAsync("/login/with/sso?returnUrl=" + Uri.EscapeDataString(returnUrl))).StatusCode);
    }

    // Seen to fail with one nonce, and one verifier, for all.
    [Fact]
    public async Task What_is_sent_to_the_provider_has_state_nonce_and_a_challenge_and_is_kept_by_nobody()
    {
        using var browser = app.NewBrowser();
        var response = await browser.GetAsync("/login/with/sso");
        var sent = System.Web.HttpUtility.ParseQueryString(response.Headers.Location!.Query);
        Assert.Equal("code", sent["response_type"]);
        Assert.Equal("S256", sent["code_challenge_method"]);
        Assert.Equal(43, sent["code_challenge"]!.Length);
        Assert.Equal(43, sent["nonce"]!.Length);
        Assert.Equal(new Uri(app.Address, "/signin-oidc/sso").ToString(), sent["redirect_uri"]);
        Assert.NotEmpty(sent["state"]!);
        Assert.True(response.Headers.CacheControl!.NoStore);
        var again = System.Web.HttpUtility.ParseQueryString((await browser.GetAsync("/login/with/sso")).Headers.Location!.Query);
        foreach (var name in new[] { "state", "nonce", "code_challenge" }) Assert.NotEqual(sent[name], again[name]);
        var cookie = Assert.Single(response.Headers.GetValues("Set-Cookie"), c => c.StartsWith("tracepipe-sign-in", StringComparison.Ordinal));
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=lax", cookie, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Nobody_is_let_in_who_cancels()
    {
        using var browser = app.NewBrowser();
        var before = await app.OutcomesAsync("canceled");
        var page = await app.SignInAsync(browser, account: null);
        Assert.Equal("canceled", ReasonOf(page));
        Assert.Contains("<h1 class=\"text-title\">Sign-in canceled</h1>", await page.BodyAsync(), StringComparison.Ordinal);
        Assert.Contains("Reference", await page.BodyAsync(), StringComparison.Ordinal);
        Assert.False(await browser.IsInAsync());
        Assert.Equal(before + 1, await app.OutcomesAsync("canceled"));
    }

    // Seen to fail when a used state was not remembered.
    [Fact]
    public async Task A_return_is_good_once_even_with_the_cookies_it_came_with()
    {
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        var back = await app.GoAsync(browser, account);
        var cookies = browser.Stolen(app);
        await browser.GetAsync(back.PathAndQuery);
        Assert.True(await browser.IsInAsync());
        Assert.Equal("expired", ReasonOf(await browser.FollowAsync(await browser.GetAsync(back.PathAndQuery))));

        var exchanges = await app.Provider.RequestsAsync("/token");
        using var replay = new HttpRequestMessage(HttpMethod.Get, back);
        replay.Headers.Add("Cookie", cookies);
        var refused = await TestApp.Http.SendAsync(replay);
        Assert.Contains("reason=expired", refused.Headers.Location!.OriginalString, StringComparison.Ordinal);
        Assert.Equal(exchanges, await app.Provider.RequestsAsync("/token")); // the code was not even shown to the provider
    }

    // Seen to fail when the state's cookie was not asked for.
    [Fact]
    public async Task A_return_in_another_browser_lets_nobody_in()
    {
        using var attacker = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        var back = await app.GoAsync(attacker, account);
        using var victim = app.NewBrowser();
        Assert.Equal("expired", ReasonOf(await victim.FollowAsync(await victim.GetAsync(back.PathAndQuery))));
        Assert.False(await victim.IsInAsync());
    }

    [Fact]
    public async Task A_state_that_was_changed_or_is_missing_lets_nobody_in()
    {
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        var back = (await app.GoAsync(browser, account)).PathAndQuery;
        foreach (var address in new[] { back.Replace("state=", "state=x", StringComparison.Ordinal), "/signin-oidc/sso?code=abc", "/signin-oidc/sso" })
            Assert.Equal("expired", ReasonOf(await browser.FollowAsync(await browser.GetAsync(address))));
        Assert.False(await browser.IsInAsync());
    }

    // Seen to fail when the age of a state was not looked at.
    [Fact]
    public async Task A_return_after_more_than_fifteen_minutes_lets_nobody_in()
    {
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        var back = await app.GoAsync(browser, account);
        app.Clock.Advance(TimeSpan.FromMinutes(16));
        try
        {
            Assert.Equal("expired", ReasonOf(await browser.FollowAsync(await browser.GetAsync(back.PathAndQuery))));
            Assert.False(await browser.IsInAsync());
        }
        finally
        {
            app.Clock.Advance(TimeSpan.FromMinutes(-16));
        }
    }

    // Seen to fail when either was let through.
    [Theory]
    [InlineData("another")]
    [InlineData("missing")]
    public async Task An_answer_that_names_another_issuer_or_none_is_not_exchanged(string what)
    {
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        var back = await app.GoAsync(browser, account);
        var query = System.Web.HttpUtility.ParseQueryString(back.Query);
        if (what == "missing") query.Remove("iss");
        else query["iss"] = "https://evil.example";
        var exchanges = await app.Provider.RequestsAsync("/token");
        Assert.Equal("untrusted", ReasonOf(await browser.FollowAsync(await browser.GetAsync($"{back.AbsolutePath}?{query}"))));
        Assert.Equal(exchanges, await app.Provider.RequestsAsync("/token"));
        Assert.False(await browser.IsInAsync());
    }

    // Seen to fail when the person was found by the address.
    [Fact]
    public async Task An_account_with_the_same_address_is_not_taken_over()
    {
        var owner = await app.NewPersonAsync();
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync(email: owner.Email);
        var page = await app.SignInAsync(browser, account);
        Assert.Equal(HttpStatusCode.Conflict, page.StatusCode);
        Assert.Equal("email_taken", ReasonOf(page));
        Assert.Contains("link Contoso on the page Security", await page.BodyAsync(), StringComparison.Ordinal);
        Assert.False(await browser.IsInAsync());
        Assert.Equal(0, await app.CountAsync($"external_identities where person_id = '{owner.Id}'"));
        Assert.True(await owner.Browser.IsInAsync());
    }

    // Seen to fail when every address counted as checked, and when the link never ran out.
    [Fact]
    public async Task An_address_that_the_provider_does_not_vouch_for_is_proved_by_mail_first()
    {
        using var browser = app.NewBrowser();
        var (account, email) = await app.NewcomerAsync(isVerified: false);
        var page = await app.SignInAsync(browser, account);
        Assert.Equal("/check-your-mail", page.RequestMessage!.RequestUri!.AbsolutePath);
        Assert.False(await browser.IsInAsync());
        Assert.Equal(0, await app.CountAsync($"people where email = '{email}'"));

        var link = await app.LinkInMailAsync(email);
        using (var elsewhere = app.NewBrowser()) Assert.Equal(HttpStatusCode.Gone, (await elsewhere.GetAsync(link)).StatusCode);
        app.Clock.Advance(TimeSpan.FromHours(24) + TimeSpan.FromMinutes(1));
        var late = await browser.GetAsync(link);
        app.Clock.Advance(-TimeSpan.FromHours(24) - TimeSpan.FromMinutes(1));
        Assert.Equal(HttpStatusCode.Gone, late.StatusCode);
        Assert.Equal(0, await app.CountAsync($"people where email = '{email}'"));
        Assert.EndsWith("/dashboard", (await browser.FollowAsync(await browser.GetAsync(link))).RequestMessage!.RequestUri!.AbsolutePath, StringComparison.Ordinal);
        Assert.Equal(1, await app.CountAsync($"external_identities i join people p on p.id = i.person_id where p.email = '{email}' and i.subject = '{account}'"));
        using var later = app.NewBrowser();
        Assert.Equal(HttpStatusCode.Gone, (await later.GetAsync(link)).StatusCode);
        await app.SignInAsync(later, account);
        Assert.True(await later.IsInAsync());
    }

    // Seen to fail when the mail did not tell the owner.
    [Fact]
    public async Task An_unproved_address_that_has_an_account_tells_nothing_on_the_page()
    {
        var owner = await app.NewPersonAsync();
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync(isVerified: false, owner.Email);
        Assert.Equal("/check-your-mail", (await app.SignInAsync(browser, account)).RequestMessage!.RequestUri!.AbsolutePath);
        var body = await TestApp.EventuallyAsync(() => app.ScalarAsync<string>($"select body from mails where recipient = '{owner.Email}' order by id desc limit 1"), b => b is not null);
        Assert.Contains("There is one already", body, StringComparison.Ordinal);
        Assert.DoesNotContain("verify-external-email", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_an_address_there_is_no_account()
    {
        using var browser = app.NewBrowser();
        await app.Provider.AddAsync("nameless", new { name = "No Mail" });
        Assert.Equal("no_email", ReasonOf(await app.SignInAsync(browser, "nameless")));
        Assert.False(await browser.IsInAsync());
    }

    // Seen to fail when the subject of userinfo was not compared.
    [Fact]
    public async Task What_userinfo_says_of_somebody_else_is_not_used()
    {
        using var browser = app.NewBrowser();
        var (account, email) = await app.NewcomerAsync();
        await app.Provider.SpoilNextAsync(new { userinfo = new { sub = "somebody-else" } });
        Assert.Equal("no_email", ReasonOf(await app.SignInAsync(browser, account)));
        Assert.Equal(0, await app.CountAsync($"people where email = '{email}'"));
    }

    // Seen to fail when the session's token was not kept, and when the way back was not the registered one.
    [Fact]
    public async Task Logging_out_leads_through_the_provider_and_ends_its_session_too()
    {
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        await app.SignInAsync(browser, account);
        var stolen = browser.Stolen(app);
        var left = await browser.LogOutAsync();
        Assert.Equal(HttpStatusCode.OK, left.StatusCode);
        Assert.True(left.Headers.CacheControl!.NoStore);
        Assert.False(await app.OpensAsync(stolen));
        var address = new Uri(Assert.Single(left.Headers.GetValues("Refresh"))["0;url=".Length..]);
        Assert.Equal(app.Provider.Address.Authority, address.Authority);

        // The provider asks, the person says yes, and comes back to our log-in page.
        var asked = await TestBrowser.ParseAsync(await browser.GetAsync(address.ToString()));
        var form = asked.Forms.Single();
        var said = form.Elements.Where(e => e.GetAttribute("name") is not null && e.LocalName == "input").Select(e => new KeyValuePair<string, string>(e.GetAttribute("name")!, e.GetAttribute("value")!)).Append(new("logout", "yes"));
        var confirmed = await browser.Http.PostAsync(new Uri(app.Provider.Address, form.GetAttribute("action")), new FormUrlEncodedContent(said));
        Assert.Equal(new Uri(app.Address, "/login"), confirmed.Headers.Location);
        Assert.Equal(0, await app.CountAsync($"external_sessions s join signed_in_devices d on d.id = s.session_id join external_identities i on i.person_id = d.person_id where i.subject = '{account}'"));
        // Its session is over as well: the next sign-in asks who it is.
        var next = await browser.GetAsync((await browser.GetAsync("/login/with/sso")).Headers.Location!.ToString());
        Assert.StartsWith("/interaction/", next.Headers.Location!.OriginalString.Replace(app.Provider.Issuer, "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    public static TheoryData<string, int, string> Problems => new()
    {
        { "unreachable", 503, "The sign-in service does not answer" },
        { "canceled", 400, "Sign-in canceled" },
        { "expired", 400, "This sign-in has run out" },
        { "refused", 400, "The sign-in was refused" },
        { "untrusted", 400, "The sign-in could not be confirmed" },
        { "no_email", 400, "An email address is missing" },
        { "email_taken", 409, "You already have an account" },
        { "linked_elsewhere", 409, "Already linked to another account" },
        { "other_session", 400, "You were logged out in between" },
        { "too_many", 429, "Too many tries" },
    };

    [Theory]
    [MemberData(nameof(Problems))]
    public async Task Each_failure_has_a_page_with_its_words_and_a_reference(string reason, int status, string title)
    {
        using var browser = app.NewBrowser();
        var response = await browser.GetAsync($"/login/problem?provider=sso&reason={reason}&reference=0af7651916cd43dd8448eb211c80319c");
        Assert.Equal(status, (int)response.StatusCode);
        Assert.True(response.Headers.CacheControl!.NoStore);
        var page = await TestBrowser.ParseAsync(response);
        Assert.Equal(title, page.QuerySelector("h1")!.TextContent);
        Assert.Equal("0af7651916cd43dd8448eb211c80319c", page.QuerySelector("main code")!.TextContent);
        Assert.Equal("/login", page.QuerySelectorAll("main a").Single(a => a.TextContent == "Back to log in").GetAttribute("href"));
        Assert.Equal(Problems.Count, Enum.GetValues<Tracepipe.Storefront.Accounts.External.SignInProblem>().Length);
    }

    // Whoever gets hold of a code puts it into a sign-in of his own: it was asked for with another verifier and another nonce.
    // Seen to fail with one verifier for all.
    [Fact]
    public async Task A_code_of_another_sign_in_is_worth_nothing()
    {
        using var victim = app.NewBrowser();
        var (account, email) = await app.NewcomerAsync();
        var stolen = System.Web.HttpUtility.ParseQueryString((await app.GoAsync(victim, account)).Query)["code"];
        using var attacker = app.NewBrowser();
        var (own, _) = await app.NewcomerAsync();
        var back = await app.GoAsync(attacker, own);
        var query = System.Web.HttpUtility.ParseQueryString(back.Query);
        query["code"] = stolen;
        var page = await attacker.FollowAsync(await attacker.GetAsync($"{back.AbsolutePath}?{query}"));
        Assert.Equal("refused", ReasonOf(page));
        Assert.Contains("the token endpoint answered invalid_grant", app.WhyOf(page), StringComparison.Ordinal);
        Assert.False(await attacker.IsInAsync());
        Assert.Equal(0, await app.CountAsync($"people where email = '{email}'"));
    }

    // Seen to fail when what is no object, or has no token, was read on.
    [Theory]
    [InlineData("[]")]
    [InlineData("\"no\"")]
    [InlineData("{}")]
    public async Task An_answer_of_the_token_endpoint_that_is_none_lets_nobody_in(string answer)
    {
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        await app.Provider.SpoilNextAsync(new { answer });
        var page = await app.SignInAsync(browser, account);
        Assert.Contains(ReasonOf(page), new[] { "unreachable", "refused" });
        Assert.False(await browser.IsInAsync());
    }

    [Fact]
    public async Task The_problem_page_says_only_what_we_wrote()
    {
        using var browser = app.NewBrowser();
        Assert.Equal(HttpStatusCode.NotFound, (await browser.GetAsync("/login/problem?provider=sso&reason=call+0900+12345")).StatusCode);
        var page = await TestBrowser.ParseAsync(await browser.GetAsync("/login/problem?provider=sso&reason=expired&reference=call+0900+12345"));
        Assert.DoesNotContain("0900", page.QuerySelector("main")!.TextContent, StringComparison.Ordinal);
    }
}
