using System.Globalization;
using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>Unguessable addresses of hosted pages, and what lies behind them.</summary>
internal static class HostedLinks
{
    private const string Kind = "_link";
    private const int SecretLength = 32;
    private const int MacLength = 8;
    private static readonly TimeSpan InvoiceLife = TimeSpan.FromDays(10);

    /// <summary>Gives an object an address of its own.</summary>
    public static string Open(UnitOfWork work, Doc target)
    {
        var secret = work.NewId("", SecretLength);
        work.New(Kind, "link_" + secret, target.Id);
        target.Hidden["secret"] = secret;
        return secret;
    }

    /// <summary>The account and the id behind a secret.</summary>
    public static (Account Account, string Target)? Find(Accounts accounts, string secret)
    {
        var id = "link_" + secret;
        return accounts.Owning(id) is { } account && account.Committed(id)?.Parent is { } target ? (account, target) : null;
    }

    /// <summary>The invoice behind the last part of its hosted address; not current when the link has run out.</summary>
    public static (Account Account, string Invoice, bool IsCurrent)? FindInvoice(Accounts accounts, string token)
    {
        if (token.Length <= SecretLength + MacLength) return null;
        var (secret, expiry, mac) = (token[..SecretLength], token[SecretLength..^MacLength], token[^MacLength..]);
        if (Find(accounts, secret) is not { } found || mac != Mac(secret, expiry)) return null;
        var current = long.TryParse(expiry, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var day) && found.Account.Now.ToUnixTimeSeconds() / 86400 <= day;
        return (found.Account, found.Target, current);
    }

    /// <summary>The hosted addresses of an invoice, good for ten days from now.</summary>
    public static void Fill(Account account, JsonObject hidden, JsonObject invoice)
    {
        if (hidden["secret"]?.GetValue<string>() is not { } secret) return;
        var expiry = ((account.Now + InvoiceLife).ToUnixTimeSeconds() / 86400).ToString("x", CultureInfo.InvariantCulture);
        var url = $"{account.Origin}/i/{secret}{expiry}{Mac(secret, expiry)}";
        invoice["hosted_invoice_url"] = url;
        invoice["invoice_pdf"] = url + "/pdf";
    }

    private static string Mac(string secret, string expiry) => Ids.Digest($"{secret} until {expiry}", MacLength);
}
