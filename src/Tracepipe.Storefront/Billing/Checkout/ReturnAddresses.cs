using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>Where Stripe sends people back to: a path of ours or an address on the configured host, nowhere else (billing rules, decision 16).</summary>
internal sealed class ReturnAddresses(PublicAddress address)
{
    /// <summary>The absolute address, or null when it leads away.</summary>
    /// <param name="wish">What the caller asked for.</param>
    /// <param name="otherwise">A path of ours.</param>
    public string? Of(string? wish, string otherwise)
    {
        if (wish is null) return address.Link(otherwise);
        if (ReturnUrl.IsLocal(wish)) return address.Link(wish);
        if (wish.Length > 2000 || wish.AsSpan().ContainsAnyInRange('\0', ' ') || wish.Contains('\\', StringComparison.Ordinal)) return null;
        if (!Uri.TryCreate(wish, UriKind.Absolute, out var given) || given.UserInfo.Length > 0 || given.Scheme is not ("http" or "https")) return null;
        return Uri.TryCreate(address.Base, UriKind.Absolute, out var ours) && string.Equals(given.GetLeftPart(UriPartial.Authority), ours.GetLeftPart(UriPartial.Authority), StringComparison.OrdinalIgnoreCase) ? wish : null;
    }
}
