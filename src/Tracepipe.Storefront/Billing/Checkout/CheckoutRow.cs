using Npgsql;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>What somebody set out to buy on Stripe's page; there before the page is.</summary>
/// <param name="Kind">subscription, lifetime or credits.</param>
/// <param name="Amount">The price before discounts.</param>
/// <param name="State">planned, open, superseded, expired, completed, refunded or failed.</param>
internal sealed record CheckoutRow(Guid OrganizationId, Guid Id, string Kind, string? Tier, int? CatalogVersion, Money Amount, int TrialDays, string State, string? SessionId, string? PaymentIntent,
    string? SubscriptionId, Money? Paid, string? RefundReason, DateTimeOffset CreatedAt)
{
    /// <summary>It has had its effect, whatever that was.</summary>
    public bool IsSettled => State is "completed" or "refunded";

    internal static FormattableString Select(Guid organization, Guid id) => Where($"organization_id = {organization} and id = {id}");

    internal static FormattableString SelectBySession(string session) => Where($"stripe_session_id = {session}");

    internal static CheckoutRow Read(NpgsqlDataReader r) => new(r.GetGuid(0), r.GetGuid(1), r.GetString(2), r.IsDBNull(3) ? null : r.GetString(3), r.IsDBNull(4) ? null : r.GetInt32(4),
        new Money(r.GetInt64(5), r.GetString(6)), r.GetInt32(7), r.GetString(8), r.IsDBNull(9) ? null : r.GetString(9), r.IsDBNull(10) ? null : r.GetString(10), r.IsDBNull(11) ? null : r.GetString(11),
        r.IsDBNull(12) ? null : new Money(r.GetInt64(12), r.GetString(6)), r.IsDBNull(13) ? null : r.GetString(13), r.GetFieldValue<DateTimeOffset>(14));

    // The condition's own holes stay parameters: the text around them only is put together.
    private static FormattableString Where(FormattableString condition) => System.Runtime.CompilerServices.FormattableStringFactory.Create($"""
        select organization_id, id, kind, tier, catalog_version, amount_cents, currency, trial_days, state, stripe_session_id, payment_intent, stripe_subscription_id, paid_cents, refund_reason, created_at
        from checkouts where {condition.Format}
        """, condition.GetArguments());
}
