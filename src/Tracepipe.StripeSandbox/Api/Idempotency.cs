using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Answers kept for a day by idempotency key, committed together with what they answer.</summary>
internal static class Idempotency
{
    private const string Kind = "_idempotency";
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    /// <summary>Holds a key while its request is under way; a second one meanwhile is refused.</summary>
    public static IDisposable? Take(Account account, string? key)
    {
        if (key is null) return null;
        if (!account.KeysInUse.TryAdd(key, 0))
            throw new StripeError(409, "idempotency_error", "Another request with this idempotency key is under way.", "idempotency_key_in_use");
        return new Taken(account, key);
    }

    /// <summary>The answer that this key had; another request under the same key is refused.</summary>
    public static Reply? Find(UnitOfWork work, string key, string hash)
    {
        if (work.Find(Kind, Id(key)) is not { } kept || kept.Hidden.Long("until") <= work.NowUnix) return null;
        if (kept.Hidden["hash"] != hash)
            throw new StripeError(400, "idempotency_error", "This idempotency key was used for another request: other parameters or another path.");
        return new Reply((int)kept.Hidden.Long("status"), kept.Hidden["body"]!) { IsReplay = true };
    }

    public static void Keep(UnitOfWork work, string key, string hash, Reply reply)
    {
        foreach (var old in work.OldestFirst(Kind).TakeWhile(k => k.Hidden.Long("until") <= work.NowUnix).ToList()) work.Delete(old);
        var kept = work.New(Kind, Id(key));
        kept.Hidden["hash"] = hash;
        kept.Hidden.Set("status", reply.Status);
        kept.Hidden["body"] = reply.Body;
        kept.Hidden.Set("until", work.NowUnix + (long)Lifetime.TotalSeconds);
    }

    /// <summary>Of a card number only what a receipt shows enters the hash, so that the number cannot be found from it.</summary>
    public static string Hash(string method, string path, JsonObject parameters)
    {
        var text = new StringBuilder().Append(method).Append(' ').Append(path);
        Append(text, parameters);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static void Append(StringBuilder text, JsonNode? node)
    {
        switch (node)
        {
            case JsonObject members:
                foreach (var (name, value) in members.OrderBy(m => m.Key, StringComparer.Ordinal))
                {
                    text.Append('{').Append(name).Append('=');
                    if (name is "number" or "cvc") text.Append(value!.ToString() is { Length: > 10 } number ? number[^4..] : "");
                    else Append(text, value);
                    text.Append('}');
                }
                break;
            case JsonArray items:
                foreach (var item in items)
                {
                    text.Append('[');
                    Append(text, item);
                    text.Append(']');
                }
                break;
            default:
                text.Append(node?.ToJsonString());
                break;
        }
    }

    private sealed class Taken(Account account, string key) : IDisposable
    {
        public void Dispose() => account.KeysInUse.TryRemove(key, out _);
    }

    private static string Id(string key) => "idem_" + Ids.Digest(key, 32);
}
