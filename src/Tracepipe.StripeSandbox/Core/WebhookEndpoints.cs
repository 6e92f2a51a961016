namespace Tracepipe.StripeSandbox.Core;

/// <summary>Who is told of events, and the secrets that sign them: two while one is being replaced.</summary>
internal static class WebhookEndpoints
{
    public const string Kind = "webhook_endpoint";

    public static Doc Make(UnitOfWork work, string url, string? secret = null)
    {
        var endpoint = work.New(Kind, work.NewId("we_"));
        endpoint["url"] = url;
        endpoint["application"] = null;
        endpoint.Status = "enabled";
        endpoint.Hidden["secret"] = secret ?? work.NewId("whsec_", 32);
        return endpoint;
    }

    /// <summary>Replaces the secret. The old one signs too until it expires.</summary>
    public static string Roll(UnitOfWork work, Doc endpoint, TimeSpan overlap)
    {
        endpoint.Hidden["old_secret"] = endpoint.Hidden["secret"];
        endpoint.Hidden.Set("old_until", (work.Account.RealNow + overlap).ToUnixTimeMilliseconds());
        endpoint.Hidden["secret"] = work.NewId("whsec_", 32);
        return endpoint.Hidden["secret"]!;
    }

    public static IReadOnlyList<string> Secrets(Doc endpoint, DateTimeOffset now) =>
        endpoint.Hidden["old_secret"] is { } old && endpoint.Hidden.Long("old_until") > now.ToUnixTimeMilliseconds()
            ? [endpoint.Hidden["secret"]!, old] : [endpoint.Hidden["secret"]!];
}
