using System.Text.Json;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary><c>POST /v1/events</c>: the sold API's backend reports usage.</summary>
internal static class EventsApi
{
    /// <summary>Of the body as sent, and of what it unpacks to.</summary>
    public const int LargestBody = 10 * 1024 * 1024;
    public const int MostEvents = 10_000;
    private static readonly string[] Media = ["application/cloudevents+json", "application/cloudevents-batch+json", "application/json"];

    public static void MapEvents(this IEndpointRouteBuilder routes) => routes.MapPost("/v1/events", IngestAsync)
        .RequireAuthorization(Policies.Service).WithTags("Events").WithName("reportUsage")
        .WithSummary("Report usage").WithDescription("CloudEvents 1.0, one or a list of up to 10,000, plain or gzip. Answered when everything that was accepted is on disk. Sending the same again is safe: an event is counted once, for ever.")
        .WithMetadata(new RequestSizeLimitAttribute(LargestBody), new AcceptsMetadata(Media, typeof(CloudEventShape[])), new ProducesResponseTypeMetadata(202, typeof(IngestAnswer), ["application/json"]), ((Delegate)IngestAsync).Method); // the method: a bare request delegate is not described otherwise

    private static async Task IngestAsync(HttpContext context)
    {
        var cancel = context.RequestAborted;
        var media = context.Request.ContentType?.Split(';')[0].Trim().ToLowerInvariant();
        if (!Media.Contains(media, StringComparer.Ordinal)) { await Unsupported(Media).WriteAsync(context); return; }
        var (body, no) = await ReadAsync(context.Request, cancel);
        if (no is not null) { await no.WriteAsync(context); return; }

        var rules = context.RequestServices.GetRequiredService<EventRules>();
        List<Sent> sent;
        bool isList;
        try
        {
            sent = CloudEvents.Read(body.Span, rules.RefusalOf, MostEvents, out isList);
        }
        catch (JsonException wrong)
        {
            await Problem.BadRequest($"The body is no CloudEvent and no list of them: {Where(wrong)}").WriteAsync(context);
            return;
        }
        if (sent.Count > MostEvents) { await new Problem(413, "payload_too_large", $"A batch takes up to {MostEvents} events: send several.").WriteAsync(context); return; }
        if (string.Equals(media, isList ? Media[0] : Media[1], StringComparison.Ordinal))
        {
            await Problem.BadRequest(isList ? $"A list of events is sent as {Media[1]} or application/json." : $"Only a list of events is sent as {Media[1]}.").WriteAsync(context);
            return;
        }

        if (await rules.JudgeAsync(sent, cancel) is not { } verdict)
        {
            await Problem.TooMany("More events wait for the disk than it can carry. Send the same again in a second: nothing was stored.", 1).WriteAsync(context);
            return;
        }
        if (!isList && verdict.Items is [var only])
        {
            await (only.Reason is "conflict" ? Problem.Conflict(only.Message) : new Problem(422, "validation_error", only.Message, new Dictionary<string, object?>(StringComparer.Ordinal) { ["reason"] = only.Reason })).WriteAsync(context);
            return;
        }
        context.Response.StatusCode = StatusCodes.Status202Accepted;
        await context.Response.WriteAsJsonAsync(verdict, cancel);
    }

    private static Problem Unsupported(string[] media) => new(415, "unsupported_media_type", $"Send {string.Join(", ", media)}, plain or with Content-Encoding: gzip.");

    private static string Where(JsonException wrong) => wrong.LineNumber is { } line ? $"line {line + 1}, byte {wrong.BytePositionInLine}." : wrong.Message;

    private static async Task<(ReadOnlyMemory<byte> Body, Problem? No)> ReadAsync(HttpRequest request, CancellationToken cancel)
    {
        var encoding = request.Headers.ContentEncoding.ToString();
        if (encoding.Length > 0 && !encoding.Equals("gzip", StringComparison.OrdinalIgnoreCase) && !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase)) return (default, Unsupported(Media));
        ReadOnlyMemory<byte> body;
        if (request.ContentLength is { } length and <= LargestBody)
        {
            var bytes = new byte[length];
            await request.Body.ReadExactlyAsync(bytes, cancel);
            body = bytes;
        }
        else
        {
            var all = new MemoryStream();
            await request.Body.CopyToAsync(all, cancel); // the server itself stops at the limit
            body = all.GetBuffer().AsMemory(0, (int)all.Length);
        }
        if (!encoding.Equals("gzip", StringComparison.OrdinalIgnoreCase)) return (body, null);
        var unpacked = CheckedGzip.Unpack(body, LargestBody, out var isTooLarge);
        if (isTooLarge) return (default, new Problem(413, "payload_too_large", "A body takes up to 10 MB, unpacked, too: send several."));
        return unpacked is null ? (default, Problem.BadRequest("The gzip is damaged or cut off.")) : (unpacked, null);
    }
}

/// <summary>An event, for the API's description: CloudEvents 1.0.</summary>
/// <param name="Specversion">“1.0”.</param>
/// <param name="Id">Names the event within its source, 1 to 255 characters.</param>
/// <param name="Source">Who reports it.</param>
/// <param name="Type">The meter.</param>
/// <param name="Subject">The organization's id.</param>
/// <param name="Time">When it happened: at most 35 days ago, at most 5 minutes ahead.</param>
internal sealed record CloudEventShape(string Specversion, string Id, string Source, string Type, Guid Subject, DateTimeOffset Time, CloudEventDataShape Data);

/// <param name="Quantity">More than 0, at most 12 decimals.</param>
/// <param name="Model">For prices and charts by model.</param>
/// <param name="KeyId">For charts by key.</param>
internal sealed record CloudEventDataShape(decimal Quantity, string? Model = null, Guid? KeyId = null, string? SuiteId = null, string? TicketId = null);

/// <summary>What became of the events that were sent; the four numbers add up to how many they were.</summary>
/// <param name="Accepted">Counted now.</param>
/// <param name="Duplicates">Counted before.</param>
/// <param name="Conflicts">Another event was counted under their source and id.</param>
/// <param name="Rejected">Not counted.</param>
/// <param name="Items">Conflicts and rejected ones, each with its reason.</param>
internal sealed record IngestAnswer(int Accepted, int Duplicates, int Conflicts, int Rejected, IReadOnlyList<IngestItem> Items);

/// <summary>An event that was not counted.</summary>
/// <param name="Index">From 0, in the order of sending.</param>
/// <param name="Reason"><c>malformed</c>, <c>unknown_meter</c>, <c>wrong_meter</c>, <c>unknown_organization</c>, <c>too_old</c>, <c>in_future</c> or <c>conflict</c>.</param>
internal sealed record IngestItem(int Index, string? Id, string Reason, string Message);
