using System.ComponentModel.DataAnnotations;
using System.Text.Json;

namespace Tracepipe.Storefront.Metering;

/// <summary>Asks for units of work before the work begins. Either <c>organization_id</c> or <c>key</c> says whose.</summary>
/// <param name="Id">The caller's id of the unit, 1 to 255 characters; the same id is the same hold.</param>
/// <param name="Meter">A meter of whole units, such as <c>workflow</c>.</param>
/// <param name="Quantity">Whole units, at least 1.</param>
/// <param name="ExpiresIn">Seconds until the hold is released by itself; 900 unless said otherwise, at most 86,400.</param>
public sealed record HoldRequest([property: Required] string Id, [property: Required] string Meter, long Quantity, Guid? OrganizationId = null, string? Key = null, int? ExpiresIn = null);

/// <summary>Counts what succeeded.</summary>
/// <param name="Quantity">Units that succeeded; all held unless said otherwise.</param>
/// <param name="UsageDetails">Kept with the usage record; <c>ticket_id</c> and <c>suite_id</c> are read out of it.</param>
public sealed record CommitRequest(long? Quantity = null, JsonElement? UsageDetails = null);

/// <summary>Gives running work more time.</summary>
/// <param name="ExpiresIn">Seconds from now; 900 unless said otherwise, at most 86,400.</param>
public sealed record RenewRequest(int? ExpiresIn = null);

/// <summary>A share of a hold.</summary>
/// <param name="Pocket"><c>free</c> or <c>included</c>.</param>
/// <param name="UnitPrice">Dollars per unit.</param>
public sealed record HoldPartResponse(string Pocket, long Quantity, decimal UnitPrice);

/// <summary>A hold.</summary>
/// <param name="State"><c>open</c>, <c>committed</c>, <c>released</c> or <c>expired</c>.</param>
public sealed record HoldResponse(string Id, Guid OrganizationId, string Meter, long Quantity, string State, long? Committed, DateTimeOffset GrantedAt, DateTimeOffset ExpiresAt, IReadOnlyList<HoldPartResponse> Parts);
