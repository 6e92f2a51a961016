using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Tracepipe.Storefront.Accounts;

/// <summary>A secret that travels in a link or a cookie: 256 random bits as text, stored only as its SHA-256.</summary>
internal static class Secret
{
    public static string New() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    public static byte[] Hash(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));
}
