namespace Tracepipe.StripeSandbox.Core;

/// <summary>Products and their prices, as far as billing needs to know them.</summary>
internal static class Prices
{
    public const string Kind = "price";
    public const string Product = "product";

    /// <summary>What stands on an invoice.</summary>
    public static string Name(UnitOfWork work, Doc price) => price["nickname"] is { Length: > 0 } nickname && work.Find(Product, price["product"]) is null ? nickname : work.Find(Product, price["product"])?["name"] ?? "Product";
}
