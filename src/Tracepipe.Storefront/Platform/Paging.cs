namespace Tracepipe.Storefront.Platform;

/// <summary>Lists page by page without a shape of their own: the Link header names the next page (RFC 8288).</summary>
internal static class Paging
{
    /// <summary>Entries of a page at most.</summary>
    public const int Most = 100;

    public static readonly Problem WrongLimit = Problem.Invalid("limit", LimitSentence), WrongCursor = Problem.Invalid("cursor", CursorSentence);

    /// <summary>What is to be said of a wrong one, where several things are wrong at once.</summary>
    public const string LimitSentence = "Write a number from 1 to 100.", CursorSentence = "Use the address in the Link header.";

    /// <summary>Names the next page: this request's address, as it was asked, with another cursor.</summary>
    public static void NameNext(this HttpContext http, string cursor)
    {
        var query = QueryString.Create([.. http.Request.Query.Where(p => p.Key is not "cursor").Select(p => KeyValuePair.Create(p.Key, (string?)p.Value.ToString())), KeyValuePair.Create("cursor", (string?)cursor)]);
        http.Response.Headers.Link = $"<{http.Request.Path}{query}>; rel=\"next\"";
    }
}
