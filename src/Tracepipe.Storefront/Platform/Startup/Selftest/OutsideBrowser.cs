using System.Net;
using System.Text.RegularExpressions;

namespace Tracepipe.Storefront.Platform;

/// <summary>Something went otherwise than the self-test expects; the message says which step saw what.</summary>
internal sealed class SelftestFailure(string message) : Exception(message);

/// <summary>A page as it came over the wire.</summary>
internal sealed record OutsidePage(HttpStatusCode Status, Uri At, string Html)
{
    /// <summary>The page's one heading.</summary>
    public string Heading => WebUtility.HtmlDecode(Regex.Match(Html, "<h1[^>]*>(?<text>.*?)</h1>", RegexOptions.Singleline | RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1)).Groups["text"].Value).Trim();
}

/// <summary>A browser without script, as far as the self-test needs one: cookies, redirects, forms found by their labels.</summary>
internal sealed partial class OutsideBrowser : IDisposable
{
    private readonly HttpClient http;
    private readonly Uri origin;

    public OutsideBrowser(Uri origin)
    {
        this.origin = origin;
        http = new HttpClient(new SocketsHttpHandler { CookieContainer = new CookieContainer(), AllowAutoRedirect = true, MaxAutomaticRedirections = 10 }) { BaseAddress = origin, Timeout = TimeSpan.FromSeconds(20) };
        http.DefaultRequestHeaders.Accept.ParseAdd("text/html, application/json;q=0.9");
    }

    public HttpClient Http => http;

    public async Task<OutsidePage> OpenAsync(string path, CancellationToken cancel)
    {
        using var response = await http.GetAsync(new Uri(origin, path), cancel);
        return await PageAsync(response, cancel);
    }

    /// <summary>Opens the page and posts its form that has fields with these labels.</summary>
    public async Task<OutsidePage> SubmitAsync(string path, IReadOnlyDictionary<string, string> fields, CancellationToken cancel)
    {
        var page = await OpenAsync(path, cancel);
        foreach (Match form in Forms().Matches(page.Html))
        {
            if (Fill(page.Html, form.Groups["inside"].Value, fields) is not { } values) continue;
            return await PostAsync(page, form, values, cancel);
        }
        throw new SelftestFailure($"{path} ({(int)page.Status}, “{page.Heading}”) has no form with {string.Join(", ", fields.Keys)}.");
    }

    /// <summary>Posts the form with this address, as it stands on the page.</summary>
    public async Task<OutsidePage> SubmitFormAsync(OutsidePage page, string action, CancellationToken cancel)
    {
        foreach (Match form in Forms().Matches(page.Html))
        {
            if (!string.Equals(Attribute(form.Groups["attributes"].Value, "action"), action, StringComparison.Ordinal)) continue;
            return await PostAsync(page, form, Fill(page.Html, form.Groups["inside"].Value, new Dictionary<string, string>(StringComparer.Ordinal))!, cancel);
        }
        throw new SelftestFailure($"{page.At.AbsolutePath} has no form that posts to {action}.");
    }

    public void Dispose() => http.Dispose();

    private async Task<OutsidePage> PostAsync(OutsidePage page, Match form, List<KeyValuePair<string, string>> values, CancellationToken cancel)
    {
        var action = Attribute(form.Groups["attributes"].Value, "action");
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(page.At, action is { Length: > 0 } ? action : page.At.PathAndQuery)) { Content = new FormUrlEncodedContent(values) };
        request.Headers.Add("Origin", origin.GetLeftPart(UriPartial.Authority));
        using var response = await http.SendAsync(request, cancel);
        return await PageAsync(response, cancel);
    }

    private static async Task<OutsidePage> PageAsync(HttpResponseMessage response, CancellationToken cancel) =>
        new(response.StatusCode, response.RequestMessage!.RequestUri!, await response.Content.ReadAsStringAsync(cancel));

    // Every field keeps what the page had in it; labelled ones take what the person types.
    private static List<KeyValuePair<string, string>>? Fill(string html, string form, IReadOnlyDictionary<string, string> fields)
    {
        var typed = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (label, value) in fields)
        {
            var target = Labels().Matches(html).FirstOrDefault(m => string.Equals(Text(m.Groups["text"].Value), label, StringComparison.Ordinal));
            if (target is null || Attribute(target.Groups["attributes"].Value, "for") is not { } id || !form.Contains($"id=\"{id}\"", StringComparison.Ordinal)) return null;
            typed[id] = value;
        }
        var values = new List<KeyValuePair<string, string>>();
        foreach (Match input in Inputs().Matches(form))
        {
            var attributes = input.Groups["attributes"].Value;
            if (Attribute(attributes, "name") is not { Length: > 0 } name) continue;
            var type = Attribute(attributes, "type");
            if (type is "submit" or "button") continue;
            if (type is "checkbox" or "radio" && !Regex.IsMatch(attributes, @"\schecked(\s|=|$|/)", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1))) continue;
            var id = Attribute(attributes, "id");
            values.Add(new(name, id is not null && typed.TryGetValue(id, out var value) ? value : Attribute(attributes, "value") ?? (type is "checkbox" ? "on" : "")));
        }
        foreach (Match select in Selects().Matches(form))
        {
            if (Attribute(select.Groups["attributes"].Value, "name") is not { Length: > 0 } name) continue;
            var options = Options().Matches(select.Groups["inside"].Value).Select(m => m.Groups["attributes"].Value).ToList();
            var chosen = options.Find(o => o.Contains("selected", StringComparison.Ordinal)) ?? options.FirstOrDefault() ?? "";
            var id = Attribute(select.Groups["attributes"].Value, "id");
            values.Add(new(name, id is not null && typed.TryGetValue(id, out var value) ? value : Attribute(chosen, "value") ?? ""));
        }
        return values;
    }

    /// <summary>The value of an attribute in the text of a tag, decoded.</summary>
    internal static string? Attribute(string tag, string name)
    {
        var match = Regex.Match(tag, $"(^|\\s){Regex.Escape(name)}=\"(?<value>[^\"]*)\"", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));
        return match.Success ? WebUtility.HtmlDecode(match.Groups["value"].Value) : null;
    }

    private static string Text(string html) => WebUtility.HtmlDecode(Tags().Replace(html, "")).Trim();

    [GeneratedRegex("<form(?<attributes>[^>]*method=\"post\"[^>]*)>(?<inside>.*?)</form>", RegexOptions.Singleline | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Forms();

    [GeneratedRegex("<label(?<attributes>[^>]*)>(?<text>.*?)</label>", RegexOptions.Singleline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Labels();

    [GeneratedRegex("<input(?<attributes>[^>]*)>", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Inputs();

    [GeneratedRegex("<select(?<attributes>[^>]*)>(?<inside>.*?)</select>", RegexOptions.Singleline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Selects();

    [GeneratedRegex("<option(?<attributes>[^>]*)>", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Options();

    [GeneratedRegex("<[^>]+>", RegexOptions.None, 1000)]
    private static partial Regex Tags();
}
