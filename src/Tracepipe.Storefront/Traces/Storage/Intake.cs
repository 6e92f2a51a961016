using Microsoft.Extensions.Options;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Traces.Formats;

namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>A trace that lies under <c>incoming</c>, read whole and flushed.</summary>
internal sealed record Received(Guid Id, byte[] Sha256, long Bytes, TraceSummary Summary);

/// <summary>Takes traces in: stores and reads them in one pass. What is refused leaves nothing on disk.</summary>
internal sealed class Intake(TraceFiles files, QuietThreads threads, IOptions<TracesOptions> options)
{
    private const int Few = 2;
    private readonly Lock counting = new();
    private int reading;

    private TraceLimits Limits => new() { FileBytes = options.Value.MaxFileBytes, UnpackedBytes = options.Value.MaxUnpackedBytes };

    /// <summary>Takes a file from a request's body.</summary>
    public async Task<(Received? Trace, Problem? Refused)> ReceiveAsync(Guid id, Stream body, CancellationToken cancel)
    {
        var isKept = false;
        try
        {
            await using var file = files.OpenIncoming(id);
            file.SetLength(0);
            var (trace, refused) = await ReadAsync(id, body, file, cancel);
            isKept = trace is not null;
            return (trace, refused);
        }
        catch (IOException failure) when (StorageFault.Of(failure) is { } fault)
        {
            return (null, fault);
        }
        finally
        {
            if (!isKept) files.DropIncoming(id);
        }
    }

    /// <summary>Reads a file that has arrived in pieces and is whole now.</summary>
    public async Task<(Received? Trace, Problem? Refused)> CheckAsync(Guid id, CancellationToken cancel)
    {
        await using var file = files.ReadIncoming(id);
        return await ReadAsync(id, file, keep: null, cancel);
    }

    private async Task<(Received? Trace, Problem? Refused)> ReadAsync(Guid id, Stream source, FileStream? keep, CancellationToken cancel)
    {
        // One of many keeps little in memory and is read behind other requests: to find room for all of them at once would keep those waiting.
        var (hashed, limits) = Count(1) > Few ? (64 * 1024, Limits with { PieceBytes = 48 * 1024, IsReadBehind = true }) : (256 * 1024, Limits);
        try
        {
            await using var recorder = new Recorder(source, keep, hashed, threads);
            var summary = await UnpackedTrace.ReadAsync(recorder, limits, threads, cancel);
            return (new Received(id, await recorder.FinishAsync(), recorder.Bytes, summary), null);
        }
        catch (MalformedTraceException wrong)
        {
            return (null, ProblemOf(wrong));
        }
        finally
        {
            Count(-1);
        }
    }

    private int Count(int more)
    {
        lock (counting)
        {
            reading += more;
            threads.RestHalf(reading > Few);
            return reading;
        }
    }

    private static Problem ProblemOf(MalformedTraceException wrong)
    {
        if (wrong.Fault is TraceFault.TooLarge) return new Problem(StatusCodes.Status413PayloadTooLarge, "payload_too_large", wrong.Message);
        var details = new Dictionary<string, object?>(StringComparer.Ordinal) { ["trace"] = wrong.Message };
        if (wrong.ByteOffset is { } offset) details["byte_offset"] = offset;
        if (wrong.EventIndex is { } index) details["event_index"] = index;
        if (wrong.Expected is { } expected) details["expected"] = expected;
        return new Problem(StatusCodes.Status422UnprocessableEntity, "validation_error", wrong.Message, details);
    }
}
