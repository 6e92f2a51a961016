namespace Tracepipe.Storefront.Billing;

/// <summary>What regions of billing pages follow, as <see cref="Platform.Live.ChangedAsync"/> is told.</summary>
internal static class Topics
{
    /// <summary>Plan, its dates and limits, suspension, purchases, auto-billing.</summary>
    public const string Plan = "plan";

    public const string Cards = "cards";

    public const string Invoices = "invoices";
}
