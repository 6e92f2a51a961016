using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Traces.Storage;

namespace Tracepipe.Storefront.Traces.Uploads;

/// <summary>An upload in one piece: a multipart form with <c>suite_id</c>, <c>description</c> and the file, which streams to storage and is read once.</summary>
internal sealed class TraceForm(TraceSessions sessions, Intake intake, UploadSlots slots, TraceFiles files, IOptions<TracesOptions> options, TimeProvider clock)
{
    private const int MostFieldBytes = 8_192;
    private const long MostAround = 1_000_000; // fields and boundaries around the file
    private const int BufferBytes = 64 * 1024; // the framework's own 4 kB make sixteen times as many reads of a large file
    private readonly SemaphoreSlim asking = new(Environment.ProcessorCount); // who begins at once with fifty others lets other requests between

    /// <summary>Takes the form of a request's body.</summary>
    /// <param name="allowed">The suites of the caller's key; null: all of them.</param>
    /// <param name="onToken">Called with the antiforgery token, which then has to stand first in the form; null: the form has none.</param>
    public async Task<(TraceSession? Session, Problem? Refused)> TakeAsync(HttpContext context, Caller caller, IReadOnlyList<string>? allowed, Func<string, Task>? onToken)
    {
        var cancel = context.RequestAborted;
        if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type) || !string.Equals(type.MediaType.Value, "multipart/form-data", StringComparison.OrdinalIgnoreCase))
            return (null, new Problem(415, "unsupported_media_type", "Send multipart/form-data with the fields suite_id and trace."));
        if (CodedOf(context.Request) is { } coded) return (null, coded);
        if (HeaderUtilities.RemoveQuotes(type.Boundary) is not { Length: > 0 and <= 200 } boundary) return (null, Problem.BadRequest("The header Content-Type names no boundary of the form's parts, or one that is too long."));
        var announced = context.Request.ContentLength ?? 0;
        if (announced > options.Value.MaxFileBytes + MostAround) return (null, new Problem(413, "payload_too_large", $"A trace has at most {options.Value.MaxFileBytes} bytes."));
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = options.Value.MaxFileBytes + MostAround;
        using var slot = slots.TryTake(caller.OrganizationId);
        if (slot is null) return (null, UploadSlots.Full);

        var id = Guid.CreateVersion7(clock.GetUtcNow());
        using var atWork = files.Hold(id);
        Received? trace = null;
        try
        {
            string? suite = null, description = null, fileName = null;
            var isChecked = onToken is null;
            var reader = new MultipartReader(boundary.Value!, context.Request.Body, BufferBytes) { HeadersCountLimit = 16, HeadersLengthLimit = 8_192, BodyLengthLimit = null };
            while (await reader.ReadNextSectionAsync(cancel) is { } section)
            {
                if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition) || !disposition.DispositionType.Equals("form-data", StringComparison.OrdinalIgnoreCase)) return (null, Problem.BadRequest("A part of the form has no name."));
                var name = HeaderUtilities.RemoveQuotes(disposition.Name).Value;
                if (!isChecked)
                {
                    await onToken!(string.Equals(name, "__RequestVerificationToken", StringComparison.Ordinal) ? await FieldAsync(section, cancel) ?? "-" : "-");
                    isChecked = true;
                    continue;
                }
                switch (name)
                {
                    case "suite_id" when suite is null:
                        suite = await FieldAsync(section, cancel);
                        if (suite is null) return (null, Problem.Invalid("suite_id", "Write the id of a suite."));
                        break;
                    case "description" when description is null:
                        description = await FieldAsync(section, cancel);
                        if (description is null) return (null, Problem.Invalid("description", "Write at most 1,000 characters."));
                        break;
                    case "trace" or "input_events" when trace is null:
                        fileName = (disposition.FileNameStar.HasValue ? disposition.FileNameStar : HeaderUtilities.RemoveQuotes(disposition.FileName)).Value;
                        // Known before the first byte when suite_id comes first, as every sample has it; else asked with the session.
                        if (suite is not null && await EarlyRefusalOfAsync(caller, new TraceWish(suite, description, fileName), allowed, announced, cancel) is { } early) return (null, early);
                        (trace, var refused) = await intake.ReceiveAsync(id, section.Body, cancel);
                        if (refused is not null) return (null, refused);
                        break;
                    default:
                        return (null, Problem.BadRequest($"The form has the fields suite_id, description and trace, each once; “{(name?.Length > 40 ? name[..40] : name)}” is another."));
                }
            }
            if (suite is null || trace is null) return (null, Problem.BadRequest($"The field {(suite is null ? "suite_id" : "trace")} is missing."));
            var wish = new TraceWish(suite, description, fileName);
            return sessions.WrongOf(wish, allowed) is { } wrong ? (null, wrong) : await sessions.AddAsync(caller, wish, trace, upload: null, cancel);
        }
        catch (InvalidDataException broken)
        {
            return (null, Problem.BadRequest($"The form cannot be read: {broken.Message}"));
        }
        catch (IOException failure) when (StorageFault.Of(failure) is { } fault)
        {
            return (null, fault);
        }
        catch (IOException failure) when (failure.Message.StartsWith("Unexpected end of Stream", StringComparison.Ordinal))
        {
            return (null, Problem.BadRequest("The form breaks off before its last boundary."));
        }
        finally
        {
            if (trace is not null) files.DropIncoming(id);
        }
    }

    private async Task<Problem?> EarlyRefusalOfAsync(Caller caller, TraceWish wish, IReadOnlyList<string>? allowed, long announced, CancellationToken cancel)
    {
        await asking.WaitAsync(cancel);
        try
        {
            return await sessions.RefusalOfAsync(caller.OrganizationId, wish, allowed, announced, cancel);
        }
        finally
        {
            asking.Release();
        }
    }

    /// <summary>What is wrong with a body that is coded as a whole: nothing here unpacks it, and what was stored would not be what was sent.</summary>
    internal static Problem? CodedOf(HttpRequest request) => request.Headers.ContentEncoding.All(c => string.Equals(c, "identity", StringComparison.OrdinalIgnoreCase))
        ? null : new Problem(StatusCodes.Status415UnsupportedMediaType, "unsupported_media_type", "Send it without Content-Encoding. The trace itself may be gzip.");

    private static async Task<string?> FieldAsync(MultipartSection section, CancellationToken cancel)
    {
        var bytes = new byte[MostFieldBytes + 1];
        var length = await section.Body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancel);
        return length > MostFieldBytes ? null : Encoding.UTF8.GetString(bytes, 0, length);
    }
}
