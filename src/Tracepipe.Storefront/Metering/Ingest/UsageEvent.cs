using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Tracepipe.Storefront.Metering;

/// <summary>Usage that was reported, read from a CloudEvent.</summary>
internal sealed class UsageEvent
{
    public required Guid OrganizationId { get; init; }

    /// <summary>When it happened, to the microsecond.</summary>
    public required DateTimeOffset Time { get; init; }

    public required string Meter { get; init; }

    /// <summary>More than 0, at most 12 decimals.</summary>
    public required decimal Quantity { get; init; }

    public string? Model { get; init; }

    public Guid? KeyId { get; init; }

    public string? SuiteId { get; init; }

    public string? TicketId { get; init; }

    public required string Source { get; init; }

    public required string Id { get; init; }

    /// <summary>What else it carried, as JSON; null: nothing.</summary>
    public string? Details { get; init; }

    /// <summary>16 bytes that name its source and id. Never two events of an organization under one.</summary>
    public Guid Digest { get; private set; }

    /// <summary>16 bytes of everything that it says.</summary>
    public Guid Body { get; private set; }

    /// <summary>Computes both digests.</summary>
    public UsageEvent Sealed()
    {
        Digest = Short($"{Source.Length}:{Source}{Id}"); // the length keeps source and id apart
        Body = Short(string.Create(CultureInfo.InvariantCulture, $"{Meter}\n{Time.UtcTicks}\n{Quantity / 1.000000000000000000000000000m}\n{Length(Model)}{Model}{KeyId}\n{Length(SuiteId)}{SuiteId}{Length(TicketId)}{TicketId}{Details}"));
        return this;
    }

    private static int Length(string? text) => text?.Length ?? -1;

    private static Guid Short(string text)
    {
        Span<byte> bytes = text.Length <= 300 ? stackalloc byte[900] : new byte[Encoding.UTF8.GetMaxByteCount(text.Length)];
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes[..Encoding.UTF8.GetBytes(text, bytes)], hash);
        return new Guid(hash[..16], bigEndian: true);
    }
}

/// <summary>One element of what was sent: an event, or the reason why it is none.</summary>
/// <param name="Index">From 0, in the order of sending.</param>
/// <param name="Id">As far as it could be read.</param>
/// <param name="Reason">A stable word; null for an event.</param>
/// <param name="Unmatched">The type, when it is no meter here.</param>
internal readonly record struct Sent(int Index, string? Id, UsageEvent? Event, string? Reason = null, string? Message = null, (string Type, string Source, Guid? Organization)? Unmatched = null);
