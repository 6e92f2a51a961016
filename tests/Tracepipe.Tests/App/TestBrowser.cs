using System.Net;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;
using Xunit;

namespace Tracepipe.Tests.App;

/// <summary>What a browser without script does: keeps cookies, reads forms by their labels, posts them with their hidden fields.</summary>
public sealed class TestBrowser : IDisposable
{
    private readonly HttpClient http;
    private readonly TestApp app;

    internal TestBrowser(TestApp app)
    {
        this.app = app;
        http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = Cookies, UseCookies = true }) { BaseAddress = app.Address };
    }

    public CookieContainer Cookies { get; } = new();

    /// <summary>For anything unusual: headers, JSON. Carries this browser's cookies.</summary>
    public HttpClient Http => http;

    public Task<HttpResponseMessage> GetAsync(string path)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Accept.ParseAdd("text/html");
        return http.SendAsync(request);
    }

    /// <summary>Follows redirects that stay on this site.</summary>
    public async Task<HttpResponseMessage> FollowAsync(HttpResponseMessage response)
    {
        for (var hops = 0; (int)response.StatusCode is >= 300 and < 400; hops++)
        {
            Assert.True(hops < 10, "Redirects in circles.");
            var to = new Uri(response.RequestMessage!.RequestUri!, response.Headers.Location!);
            Assert.Equal(app.Address.Authority, to.Authority);
            response = await GetAsync(to.PathAndQuery);
        }
        return response;
    }

    /// <summary>The page, which must answer 200, parsed.</summary>
    public async Task<IHtmlDocument> PageAsync(string path)
    {
        var response = await FollowAsync(await GetAsync(path));
        Assert.True(response.StatusCode == HttpStatusCode.OK, $"GET {path}: {(int)response.StatusCode}");
        return await ParseAsync(response);
    }

    public static async Task<IHtmlDocument> ParseAsync(HttpResponseMessage response) => await new HtmlParser().ParseDocumentAsync(await response.Content.ReadAsStringAsync());

    /// <summary>Opens the page, fills the form that has fields with these labels, posts it.</summary>
    /// <param name="path">The page with the form.</param>
    /// <param name="fields">Values by the label that people see; a checkbox or radio is named by its own label and takes "on" or "".</param>
    /// <param name="button">The text of the button to press when several forms have these fields.</param>
    public async Task<HttpResponseMessage> SubmitAsync(string path, Dictionary<string, string>? fields = null, string? button = null)
    {
        var page = await FollowAsync(await GetAsync(path));
        return await SubmitAsync(await ParseAsync(page), page.RequestMessage!.RequestUri!, fields ?? [], button);
    }

    /// <summary>Posts a form of a page at hand.</summary>
    public async Task<HttpResponseMessage> SubmitAsync(IHtmlDocument document, Uri at, Dictionary<string, string> fields, string? button)
    {
        var form = document.Forms.FirstOrDefault(f => string.Equals(f.Method, "post", StringComparison.OrdinalIgnoreCase)
            && fields.Keys.All(label => Field(document, f, label) is not null)
            && (button is null || f.QuerySelectorAll("button").Concat(document.QuerySelectorAll($"button[form='{f.Id}']")).Any(b => IsNamed(b, button))))
            ?? throw new InvalidOperationException($"No form at {at} with {string.Join(", ", fields.Keys)} and button {button}. The page: {document.Title}");
        var values = new List<KeyValuePair<string, string>>();
        var chosen = fields.ToDictionary(f => Field(document, form, f.Key)!, f => f.Value);
        foreach (var element in form.Elements)
        {
            var name = element.GetAttribute("name");
            if (string.IsNullOrEmpty(name)) continue;
            if (element is IHtmlInputElement { Type: "checkbox" or "radio" } box)
            {
                var isChecked = chosen.TryGetValue(box, out var wish) ? wish.Length > 0 : box.IsChecked;
                if (isChecked) values.Add(new(name, box.Value is { Length: > 0 } v ? v : "on"));
            }
            else if (element is IHtmlButtonElement or IHtmlInputElement { Type: "submit" })
            {
                if (button is not null && IsNamed(element, button)) values.Add(new(name, element.GetAttribute("value") ?? ""));
            }
            else values.Add(new(name, chosen.TryGetValue(element, out var value) ? value : Value(element)));
        }
        var action = new Uri(at, form.GetAttribute("action") is { Length: > 0 } target ? target : at.PathAndQuery);
        var request = new HttpRequestMessage(HttpMethod.Post, action) { Content = new FormUrlEncodedContent(values) };
        request.Headers.Accept.ParseAdd("text/html");
        request.Headers.Add("Origin", app.Address.GetLeftPart(UriPartial.Authority));
        return await http.SendAsync(request);
    }

    public void Dispose() => http.Dispose();

    private static bool IsNamed(IElement button, string name) =>
        string.Equals((button.GetAttribute("aria-label") ?? button.TextContent).Trim(), name, StringComparison.Ordinal) || string.Equals(button.TextContent.Trim(), name, StringComparison.Ordinal);

    private static IElement? Field(IHtmlDocument document, IHtmlFormElement form, string label)
    {
        foreach (var candidate in document.QuerySelectorAll("label").Where(l => l.TextContent.Trim() == label))
        {
            var target = candidate.GetAttribute("for") is { Length: > 0 } id ? document.GetElementById(id) : candidate.QuerySelector("input, select, textarea");
            if (target is not null && form.Elements.Contains(target)) return target;
        }
        return null;
    }

    private static string Value(IElement element) => element switch
    {
        IHtmlInputElement input => input.Value,
        IHtmlSelectElement select => select.Value ?? "",
        IHtmlTextAreaElement area => area.Value,
        _ => "",
    };
}
