using System.Text.Json;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>A share of a hold in one pocket: decided when granted, never recomputed by a later change of plan.</summary>
/// <param name="Pocket">"free", "included", "credits" or "metered".</param>
/// <param name="PeriodStart">The quota period whose counter carries it.</param>
/// <param name="UnitPrice">Exact price of one unit in major units; 0 for what is included or free.</param>
/// <param name="Cause">What names the credits that were set aside; null for other pockets.</param>
internal sealed record HoldPart(string Pocket, DateTimeOffset PeriodStart, long Quantity, decimal UnitPrice, string? Cause = null)
{
    /// <summary>What the whole part costs.</summary>
    public Money Price => Money.Round(UnitPrice * Quantity);
}

/// <summary>Units of work that have a pocket to pay for them, from before the work until it is committed, released or expired.</summary>
/// <param name="Id">The caller's; the same id is the same hold.</param>
/// <param name="State">open, committed, released or expired.</param>
/// <param name="Committed">How many units succeeded, at most <paramref name="Quantity"/>.</param>
internal sealed record Hold(Guid OrganizationId, string Id, string Meter, long Quantity, string State, DateTimeOffset GrantedAt, DateTimeOffset ExpiresAt, long? Committed, IReadOnlyList<HoldPart> Parts)
{
    /// <summary>Who asked for it; null: the backend, in the organization's name.</summary>
    public Guid? KeyId { get; init; }

    /// <summary>Unless asked otherwise a hold lasts this long.</summary>
    public static readonly TimeSpan Lasts = TimeSpan.FromMinutes(15);

    /// <summary>A hold can be asked for and renewed for at most this long.</summary>
    public static readonly TimeSpan LastsAtMost = TimeSpan.FromHours(24);
}

/// <summary>What a caller asks to hold.</summary>
/// <param name="ExpiresIn">How long the work may take.</param>
/// <param name="BodyDigest">SHA-256 of what was asked, so that the same id with another wish is found out.</param>
internal sealed record HoldWish(Guid OrganizationId, string Id, string Meter, long Quantity, TimeSpan ExpiresIn, Guid? KeyId, byte[] BodyDigest);

/// <summary>What a caller tells when the work succeeded.</summary>
/// <param name="Quantity">Units that succeeded; null: all held.</param>
/// <param name="Details">Kept with the usage record as it is; <c>ticket_id</c> and <c>suite_id</c> are read out of it.</param>
internal sealed record CommitWish(long? Quantity, JsonElement? Details);
