using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Keys;

/// <summary>The key that a request carries: <c>X-API-Key</c>, else <c>Authorization: Bearer</c>.</summary>
internal static class SentKey
{
    public const string Header = "X-API-Key";
    private const string Bearer = "Bearer ";

    private static readonly Problem None = Problem.Unauthorized("Send an API key in the X-API-Key header.");

    // Anybody can compute the checksum, so this tells nothing that the sender does not have.
    private static readonly Problem Malformed = Problem.Unauthorized("This is not an API key: a character is missing or mistyped. It looks like tp_live_ and 38 letters and digits.");

    /// <summary>One answer for unknown, revoked and expired: whoever found an old key learns nothing about it.</summary>
    public static Problem NotValid { get; } = Problem.Unauthorized("This API key is not valid: it is unknown, revoked or expired. The page API keys lists the ones that work.");

    public static Problem InAddress { get; } = Problem.BadRequest("Send the key in the X-API-Key header; revoke this key: addresses are kept in logs and histories.");

    /// <summary>Whether the request means to be a program's.</summary>
    public static bool IsThere(HttpRequest request) =>
        request.Headers.ContainsKey(Header) || request.Headers.Authorization.ToString().StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) || IsInAddress(request);

    /// <summary>Whether a key stands in the query.</summary>
    public static bool IsInAddress(HttpRequest request) => request.QueryString.HasValue
        && request.Query.Any(pair => pair.Key.Equals("api_key", StringComparison.OrdinalIgnoreCase)
            || pair.Value.Any(v => v is not null && (v.StartsWith(ApiKeyFormat.Live, StringComparison.Ordinal) || v.StartsWith(ApiKeyFormat.Service, StringComparison.Ordinal))));

    /// <summary>The hash of the key, or why there is none.</summary>
    public static Problem? Read(HttpRequest request, out KeyHash hash)
    {
        hash = default;
        ReadOnlySpan<char> text;
        if (request.Headers.TryGetValue(Header, out var sent)) text = sent.Count == 1 ? sent[0] : "";
        else if (request.Headers.Authorization is [{ } authorization] && authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)) text = authorization.AsSpan(Bearer.Length).Trim();
        else return None;
        if (!ApiKeyFormat.IsWellFormed(text)) return Malformed;
        hash = ApiKeyFormat.Hash(text);
        return null;
    }
}
