using System.Net;
using AngleSharp.Html.Dom;
using Tracepipe.Tests.App;

namespace Tracepipe.Tests.Keys;

/// <summary>Catches: a key that is shown twice or made twice, a form that works only with script, a button that a role should not have.</summary>
public sealed class KeyPagesTests(TestApp app) : IClassFixture<TestApp>
{
    [Fact]
    public async Task Without_keys_the_page_says_what_they_are_for()
    {
        var person = await app.NewPersonAsync();
        var page = await person.Browser.PageAsync($"/o/{person.Slug}/keys");
        Assert.Equal("API keys", page.QuerySelector("h1")!.TextContent);
        Assert.Contains("No keys yet", page.Body!.TextContent);
        Assert.Single(page.QuerySelectorAll("button"), b => b.TextContent.Trim() == "Create key" && b.Closest("dialog") is null);
    }

    [Fact]
    public async Task A_new_key_is_shown_once_works_and_is_listed_masked()
    {
        var person = await app.NewPersonAsync("Maya Okafor");
        var answer = await CreateAsync(person, new() { ["Name"] = "Data pipeline", ["Expires"] = "90", ["Read billing"] = "on", ["Read usage"] = "" });
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains("no-store", answer.Headers.CacheControl!.ToString());
        var page = await TestBrowser.ParseAsync(answer);
        Assert.Equal("API keys", page.QuerySelector("h1")!.TextContent);
        var key = NewKey(page);
        Assert.Contains($"-H \"X-API-Key: {key}\"", page.Body!.TextContent);
        Assert.Contains($"TRACEPIPE_API_KEY={key}", page.Body.TextContent);
        using (var me = await app.CallAsync(key, "/v1/users/me")) Assert.Equal("Maya Okafor", (await KeysApp.JsonAsync(me)).GetProperty("display_name").GetString());

        foreach (var path in new[] { "/keys", "/keys/new", "/dashboard" })
        {
            var later = await person.Browser.GetAsync($"/o/{person.Slug}{path}");
            Assert.DoesNotContain(key, await later.Content.ReadAsStringAsync());
        }
        var row = (await person.Browser.PageAsync($"/o/{person.Slug}/keys")).QuerySelectorAll("tbody tr").Single();
        var cells = row.QuerySelectorAll("td").Select(c => c.TextContent.Trim()).ToList();
        Assert.StartsWith("Data pipeline", cells[0]);
        Assert.Equal([$"{key[..12]}…{key[^4..]}", "Maya Okafor"], cells[1..3]);
        Assert.Equal("billing:read sessions:read sessions:write", await app.ScalarAsync<string>($"select string_agg(p, ' ' order by p) from api_keys, unnest(permissions) p where organization_id = '{person.OrganizationId}'"));
        Assert.Equal(90, await app.ScalarAsync<int>($"select round(extract(epoch from expires_at - created_at) / 86400)::int from api_keys where organization_id = '{person.OrganizationId}'"));
    }

    [Fact]
    public async Task Sending_the_form_twice_makes_one_key_and_shows_it_once()
    {
        var person = await app.NewPersonAsync();
        var form = await person.Browser.PageAsync($"/o/{person.Slug}/keys/new");
        var at = new Uri(app.Address, $"/o/{person.Slug}/keys/new");
        var first = await person.Browser.SubmitAsync(form, at, new() { ["Name"] = "Once" }, "Create key");
        var key = NewKey(await TestBrowser.ParseAsync(first));
        var again = await person.Browser.SubmitAsync(form, at, new() { ["Name"] = "Once" }, "Create key");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, again.StatusCode);
        var text = await again.Content.ReadAsStringAsync();
        Assert.DoesNotContain(key, text);
        Assert.Contains("shown once", text);
        Assert.Equal(1, await app.ScalarAsync<long>($"select count(*) from api_keys where organization_id = '{person.OrganizationId}'"));
    }

    [Fact]
    public async Task The_dialog_on_the_page_of_all_keys_makes_keys_too()
    {
        var person = await app.NewPersonAsync();
        await CreateAsync(person, new() { ["Name"] = "First" });
        var answer = await person.Browser.SubmitAsync($"/o/{person.Slug}/keys", new() { ["Name"] = "Second", ["Expires"] = "never" }, "Create key");
        Assert.Equal("/o/" + person.Slug + "/keys/new", answer.RequestMessage!.RequestUri!.AbsolutePath);
        NewKey(await TestBrowser.ParseAsync(answer));
        Assert.Equal(2, (await person.Browser.PageAsync($"/o/{person.Slug}/keys")).QuerySelectorAll("tbody tr").Length);
    }

    [Fact]
    public async Task What_is_wrong_is_said_at_its_field_and_nothing_is_made()
    {
        var person = await app.NewPersonAsync();
        var nameless = await CreateAsync(person, new() { ["Name"] = "  " });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, nameless.StatusCode);
        var page = await TestBrowser.ParseAsync(nameless);
        Assert.Equal("true", page.QuerySelector("input[name='Form.Name']")!.GetAttribute("aria-invalid"));
        var powerless = await CreateAsync(person, new() { ["Name"] = "X", ["Read sessions"] = "", ["Upload sessions"] = "", ["Read usage"] = "" });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, powerless.StatusCode);
        Assert.Contains("Choose at least one permission", await powerless.Content.ReadAsStringAsync());
        Assert.Equal(0, await app.ScalarAsync<long>($"select count(*) from api_keys where organization_id = '{person.OrganizationId}'"));
    }

    [Fact]
    public async Task A_revoked_key_is_refused_from_then_on_by_dialog_or_by_page()
    {
        var person = await app.NewPersonAsync();
        foreach (var byPage in new[] { false, true })
        {
            var key = NewKey(await TestBrowser.ParseAsync(await CreateAsync(person, new() { ["Name"] = "Old laptop" })));
            var list = await person.Browser.PageAsync($"/o/{person.Slug}/keys");
            var dialog = list.QuerySelectorAll("dialog").Single(d => d.Id!.StartsWith("revoke-", StringComparison.Ordinal));
            Assert.Contains("Revoke “Old laptop”?", dialog.TextContent);
            var path = ((IHtmlFormElement)dialog.QuerySelector("form")!).GetAttribute("action")!;
            var from = byPage ? path : $"/o/{person.Slug}/keys";
            var answer = await person.Browser.SubmitAsync(await person.Browser.PageAsync(from), new Uri(app.Address, from), [], "Revoke key");
            Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
            using (var refused = await app.CallAsync(key, "/v1/users/me")) await KeysApp.ErrorAsync(refused, 401, "unauthorized");
            var after = await TestBrowser.ParseAsync(await person.Browser.FollowAsync(answer));
            Assert.Contains("Key revoked", after.Body!.TextContent);
            Assert.Contains("Revoked", after.QuerySelector("tbody tr")!.TextContent);
            Assert.DoesNotContain(after.QuerySelectorAll("dialog"), d => d.Id!.StartsWith("revoke-", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("viewer", 200, 403)]
    [InlineData("billing", 403, 403)]
    [InlineData("developer", 200, 200)]
    [InlineData("admin", 200, 200)]
    public async Task Roles_see_and_do_what_they_may(string role, int list, int create)
    {
        var person = await app.NewPersonAsync();
        await CreateAsync(person, new() { ["Name"] = "A key" });
        await app.ExecuteAsync($"update members set role = '{role}' where organization_id = '{person.OrganizationId}'");
        var page = await person.Browser.GetAsync($"/o/{person.Slug}/keys");
        Assert.Equal(list, (int)page.StatusCode);
        Assert.Equal(create, (int)(await person.Browser.GetAsync($"/o/{person.Slug}/keys/new")).StatusCode);
        if (list != 200) return;
        var buttons = (await TestBrowser.ParseAsync(page)).QuerySelectorAll("main button").Select(b => b.TextContent.Trim()).ToList();
        Assert.Equal(create == 200, buttons.Contains("Create key"));
        Assert.Equal(create == 200, buttons.Contains("Revoke"));
    }

    [Fact]
    public async Task A_developer_cannot_give_a_key_rights_that_he_lacks()
    {
        var person = await app.NewPersonAsync();
        var form = await person.Browser.PageAsync($"/o/{person.Slug}/keys/new"); // still an owner
        await app.ExecuteAsync($"update members set role = 'developer' where organization_id = '{person.OrganizationId}'");
        var answer = await person.Browser.SubmitAsync(form, new Uri(app.Address, $"/o/{person.Slug}/keys/new"), new() { ["Name"] = "Too much", ["Change billing"] = "on" }, "Create key");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Equal(0, await app.ScalarAsync<long>($"select count(*) from api_keys where organization_id = '{person.OrganizationId}'"));
    }

    [Fact]
    public async Task Anothers_organization_and_keys_are_not_found()
    {
        var (mine, theirs) = (await app.NewPersonAsync(), await app.NewPersonAsync());
        await CreateAsync(theirs, new() { ["Name"] = "Theirs" });
        var id = await app.ScalarAsync<Guid>($"select id from api_keys where organization_id = '{theirs.OrganizationId}'");
        foreach (var path in new[] { $"/o/{theirs.Slug}/keys", $"/o/{theirs.Slug}/keys/new", $"/o/{theirs.Slug}/keys/{id}/revoke", $"/o/{mine.Slug}/keys/{id}/revoke" })
            Assert.Equal(HttpStatusCode.NotFound, (await mine.Browser.GetAsync(path)).StatusCode);

        // Their form, sent to their organization with my cookies, and to mine.
        var form = await theirs.Browser.PageAsync($"/o/{theirs.Slug}/keys/new");
        foreach (var slug in new[] { theirs.Slug, mine.Slug })
        {
            var answer = await mine.Browser.SubmitAsync(form, new Uri(app.Address, $"/o/{slug}/keys/new"), new() { ["Name"] = "Mine" }, "Create key");
            Assert.True((int)answer.StatusCode is 400 or 404, answer.StatusCode.ToString());
        }
        Assert.Equal(1, await app.ScalarAsync<long>($"select count(*) from api_keys where organization_id in ('{mine.OrganizationId}', '{theirs.OrganizationId}')"));
        Assert.True(await app.ScalarAsync<bool>($"select revoked_at is null from api_keys where id = '{id}'"));
    }

    [Fact]
    public async Task A_ticket_of_somebody_else_or_of_nobody_makes_no_key()
    {
        var (mine, theirs) = (await app.NewPersonAsync(), await app.NewPersonAsync());
        var theirTicket = ((IHtmlInputElement)(await theirs.Browser.PageAsync($"/o/{theirs.Slug}/keys/new")).QuerySelector("input[name='Form.Ticket']")!).Value;
        foreach (var ticket in new[] { theirTicket, "", "nonsense", Guid.CreateVersion7().ToString() })
        {
            var form = await mine.Browser.PageAsync($"/o/{mine.Slug}/keys/new");
            ((IHtmlInputElement)form.QuerySelector("input[name='Form.Ticket']")!).Value = ticket;
            var answer = await mine.Browser.SubmitAsync(form, new Uri(app.Address, $"/o/{mine.Slug}/keys/new"), new() { ["Name"] = "Forged" }, "Create key");
            Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        }
        Assert.Equal(0, await app.ScalarAsync<long>($"select count(*) from api_keys where organization_id = '{mine.OrganizationId}'"));
    }

    [Fact]
    public async Task Without_the_forms_token_nothing_happens()
    {
        var person = await app.NewPersonAsync();
        await CreateAsync(person, new() { ["Name"] = "Kept" });
        var id = await app.ScalarAsync<Guid>($"select id from api_keys where organization_id = '{person.OrganizationId}'");
        foreach (var (path, handler) in new[] { ($"/o/{person.Slug}/keys/{id}/revoke", $"revoke-{id}"), ($"/o/{person.Slug}/keys/new", "new-key") })
        {
            var answer = await person.Browser.Http.PostAsync(path, new FormUrlEncodedContent([new("_handler", handler), new("Form.Name", "Evil")]));
            Assert.True((int)answer.StatusCode is 400 or 403, answer.StatusCode.ToString());
        }
        Assert.Equal(1, await app.ScalarAsync<long>($"select count(*) from api_keys where organization_id = '{person.OrganizationId}' and revoked_at is null"));
    }

    [Theory]
    [InlineData("<script>alert(1)</script>")]
    [InlineData("\"><img src=x onerror=alert(1)>")]
    [InlineData("{{7*7}} ${7*7} @(7*7)")]
    [InlineData("=cmd|' /C calc'!A0")]
    public async Task A_name_stays_text(string name)
    {
        var person = await app.NewPersonAsync();
        var made = await TestBrowser.ParseAsync(await CreateAsync(person, new() { ["Name"] = name }));
        foreach (var page in new[] { made, await person.Browser.PageAsync($"/o/{person.Slug}/keys") })
        {
            Assert.Contains(name, page.Body!.TextContent);
            Assert.Empty(page.QuerySelectorAll("main script, img[src=x], dialog script"));
        }
    }

    private Task<HttpResponseMessage> CreateAsync(TestPerson person, Dictionary<string, string> fields) => person.Browser.SubmitAsync($"/o/{person.Slug}/keys/new", fields, "Create key");

    private static string NewKey(IHtmlDocument page)
    {
        var label = page.QuerySelectorAll("label").Single(l => l.TextContent.Trim() == "Your new API key");
        return ((IHtmlInputElement)page.GetElementById(label.GetAttribute("for")!)!).Value;
    }
}
