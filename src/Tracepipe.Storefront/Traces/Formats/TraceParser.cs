using System.Text.Json;

namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>
/// Reads a trace piece by piece and makes its summary. Which of the three formats it is shows in the content: an array, an object with <c>traceEvents</c>,
/// or one object a line. Chrome's format: the “Trace Event Format” document of the Chromium project; what its own viewer accepts is accepted, such as an
/// array without its closing bracket.
/// </summary>
internal sealed class TraceParser(TraceLimits limits)
{
    private const int TopNames = 50;
    private readonly Tally categories = new(1_000);
    private readonly Tally phases = new(128);
    private readonly Tally names = new(20_000);
    private readonly Tally inputs = new(200);
    private readonly Timeline timeline = new();
    private readonly ProcessTable processes = new();
    private readonly TraceEvent current = new();
    private readonly byte[] scratch = new byte[1024];
    private JsonReaderState state = new(new JsonReaderOptions { MaxDepth = limits.Depth, AllowMultipleValues = true });
    private Shape shape = Shape.Unknown;
    private Member member;
    private Argument argument;
    private bool inEvent;
    private bool inEvents;
    private bool rootClosed;
    private bool sawEvents;
    private bool rootMemberIsEvents;
    private int eventDepth;
    private long read;
    private long events;

    private enum Shape { Unknown, Array, Undecided, Object, Lines }

    private enum Member { Other, Phase, At, Duration, Category, Title, Pid, Tid, Arguments, Type, Time, X, Y, Key }

    private enum Argument { Other, Name, Data, DataType }

    /// <summary>Events read so far.</summary>
    public long Events => events;

    /// <summary>Reads what is whole in <paramref name="data"/>.</summary>
    /// <param name="data">The next bytes of the unpacked file, beginning with those that the last call left.</param>
    /// <param name="isEnd">Nothing comes after these.</param>
    /// <returns>How many bytes were read; the rest must come again with more behind it.</returns>
    /// <exception cref="MalformedTraceException">This is not a trace.</exception>
    public int Read(ReadOnlySpan<byte> data, bool isEnd)
    {
        var reader = new Utf8JsonReader(data, isEnd, state);
        try
        {
            while (reader.Read()) Take(ref reader);
        }
        catch (JsonException broken)
        {
            throw Wrong(reader.BytesConsumed, isEnd && reader.BytesConsumed + 64 >= data.Length ? "the rest of the file: it breaks off here" : Plain(broken));
        }
        state = reader.CurrentState;
        read += reader.BytesConsumed;
        return (int)reader.BytesConsumed;
    }

    /// <summary>The summary of all that was read.</summary>
    /// <param name="rest">What the last <see cref="Read"/> left.</param>
    /// <exception cref="MalformedTraceException">The file breaks off, or holds no events.</exception>
    public TraceSummary Complete(ReadOnlySpan<byte> rest)
    {
        rest = rest[Read(rest, isEnd: false)..];
        var isCut = shape is Shape.Array && !rootClosed && !inEvent && IsBetweenEvents(rest);
        if (!isCut) Read(rest, isEnd: true);
        if (events == 0) throw Wrong(0, shape is Shape.Unknown ? "a trace: the file is empty" : "at least one event");
        List<string> warnings = [];
        if (isCut) warnings.Add("The file breaks off after its last event: the closing bracket is missing. All events that it holds were read.");
        var format = shape switch { Shape.Array => TraceFormat.ChromeArray, Shape.Object => TraceFormat.ChromeObject, _ => TraceFormat.InputLines };
        return new TraceSummary(format, isCut, events, timeline.DurationMs, categories.Top(100), phases.Top(40), processes.List(), inputs.Top(100), names.Top(TopNames), timeline.Activity(), read + (isCut ? rest.Length : 0), warnings);
    }

    private static bool IsBetweenEvents(ReadOnlySpan<byte> rest)
    {
        rest = rest.Trim(" \t\r\n"u8);
        return rest.IsEmpty || rest.SequenceEqual(","u8);
    }

    private void Take(ref Utf8JsonReader reader)
    {
        if (inEvent) TakeMember(ref reader);
        else TakeFrame(ref reader);
    }

    /// <summary>What stands around the events.</summary>
    private void TakeFrame(ref Utf8JsonReader reader)
    {
        var (token, depth) = (reader.TokenType, reader.CurrentDepth);
        switch (shape)
        {
            case Shape.Unknown when token is JsonTokenType.StartArray:
                (shape, eventDepth) = (Shape.Array, 1);
                break;
            case Shape.Unknown when token is JsonTokenType.StartObject:
                (shape, eventDepth) = (Shape.Undecided, 0);
                Begin(ref reader);
                break;
            case Shape.Unknown:
                throw Wrong(reader.TokenStartIndex, "a trace: an object with “traceEvents”, an array of events, or one input event a line");
            case Shape.Array or Shape.Object when rootClosed:
                throw Wrong(reader.TokenStartIndex, "the end of the file");
            case Shape.Array when token is JsonTokenType.StartObject && depth == 1:
            case Shape.Object when inEvents && token is JsonTokenType.StartObject && depth == 2:
            case Shape.Lines when token is JsonTokenType.StartObject && depth == 0:
                Begin(ref reader);
                break;
            case Shape.Array when token is JsonTokenType.EndArray && depth == 0:
            case Shape.Object when token is JsonTokenType.EndObject && depth == 0:
                rootClosed = true;
                break;
            case Shape.Object when inEvents && token is JsonTokenType.EndArray && depth == 1:
                inEvents = false;
                break;
            case Shape.Array or Shape.Lines:
            case Shape.Object when inEvents:
                throw Wrong(reader.TokenStartIndex, "an event: an object");
            case Shape.Object when depth == 1 && token is JsonTokenType.PropertyName:
                rootMemberIsEvents = reader.ValueTextEquals("traceEvents"u8);
                break;
            case Shape.Object when depth == 1 && rootMemberIsEvents:
                BeginEvents(ref reader);
                break;
            default: // metadata around the events: kept in the file, not in the summary
                break;
        }
    }

    private void BeginEvents(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not JsonTokenType.StartArray) throw Wrong(reader.TokenStartIndex, "an array: “traceEvents” holds the events");
        if (sawEvents) throw Wrong(reader.TokenStartIndex, "“traceEvents” once");
        (shape, eventDepth, inEvent, inEvents, sawEvents, rootMemberIsEvents) = (Shape.Object, 2, false, true, true, false);
    }

    private void Begin(ref Utf8JsonReader reader)
    {
        inEvent = true;
        (member, argument) = (Member.Other, Argument.Other);
        current.Begin(read + reader.TokenStartIndex);
    }

    private void TakeMember(ref Utf8JsonReader reader)
    {
        var depth = reader.CurrentDepth - eventDepth;
        switch (reader.TokenType)
        {
            case JsonTokenType.PropertyName:
                if (++current.Members > limits.MembersPerEvent && shape is not Shape.Undecided) throw Wrong(reader.TokenStartIndex, $"at most {limits.MembersPerEvent} members in an event");
                if (depth == 1)
                {
                    member = MemberOf(ref reader);
                    argument = Argument.Other;
                    if (shape is Shape.Undecided) rootMemberIsEvents = reader.ValueTextEquals("traceEvents"u8);
                }
                else if (depth == 2 && member is Member.Arguments) argument = reader.ValueTextEquals("name"u8) ? Argument.Name : reader.ValueTextEquals("data"u8) ? Argument.Data : Argument.Other;
                else if (depth == 3 && argument is Argument.Data or Argument.DataType) argument = reader.ValueTextEquals("type"u8) ? Argument.DataType : Argument.Data;
                break;
            case not JsonTokenType.EndObject when depth == 1 && shape is Shape.Undecided && rootMemberIsEvents:
                BeginEvents(ref reader);
                break;
            case JsonTokenType.EndObject when depth == 0:
                inEvent = false;
                if (shape is Shape.Undecided) shape = Shape.Lines;
                End();
                break;
            case JsonTokenType.String or JsonTokenType.Number or JsonTokenType.Null or JsonTokenType.True or JsonTokenType.False or JsonTokenType.StartObject or JsonTokenType.StartArray when depth == 1:
                TakeValue(ref reader);
                break;
            case JsonTokenType.String when depth == 2 && argument is Argument.Name:
                current.ArgumentName.Set(Text(ref reader));
                break;
            case JsonTokenType.String when depth == 3 && argument is Argument.DataType:
                current.Type.Set(Text(ref reader));
                break;
            default:
                break;
        }
    }

    private static Member MemberOf(ref Utf8JsonReader reader)
    {
        var name = reader.ValueSpan;
        return name.Length switch
        {
            1 when name[0] == 'x' => Member.X,
            1 when name[0] == 'y' => Member.Y,
            2 when name.SequenceEqual("ph"u8) => Member.Phase,
            2 when name.SequenceEqual("ts"u8) => Member.At,
            3 when name.SequenceEqual("cat"u8) => Member.Category,
            3 when name.SequenceEqual("dur"u8) => Member.Duration,
            3 when name.SequenceEqual("pid"u8) => Member.Pid,
            3 when name.SequenceEqual("tid"u8) => Member.Tid,
            3 when name.SequenceEqual("key"u8) => Member.Key,
            4 when name.SequenceEqual("name"u8) => Member.Title,
            4 when name.SequenceEqual("args"u8) => Member.Arguments,
            4 when name.SequenceEqual("type"u8) => Member.Type,
            4 when name.SequenceEqual("time"u8) => Member.Time,
            4 when name.SequenceEqual("code"u8) => Member.Key,
            _ => Member.Other,
        };
    }

    private void TakeValue(ref Utf8JsonReader reader)
    {
        if (shape is Shape.Lines or Shape.Undecided) { TakeInputValue(ref reader); return; }
        switch (member)
        {
            case Member.Phase:
                var phase = Text(ref reader, "a phase letter, such as \"X\"");
                if (phase.Length != 1 || phase[0] is <= (byte)' ' or > (byte)'~') throw Wrong(reader.TokenStartIndex, "a phase letter, such as \"X\"");
                current.Phase = phase[0];
                break;
            case Member.At: current.At = Whole(ref reader, "a time in microseconds (“ts”)"); break;
            case Member.Duration: current.Duration = Whole(ref reader, "a duration in microseconds (“dur”)"); break;
            case Member.Pid: current.Pid = Whole(ref reader, "a process number (“pid”)"); break;
            case Member.Tid: current.Tid = Whole(ref reader, "a thread number (“tid”)"); break;
            case Member.Category: current.Category.Set(Text(ref reader, "a text (“cat”)")); break;
            case Member.Title: current.Title.Set(Text(ref reader, "a text (“name”)")); break;
            default: break;
        }
    }

    // The first object of a file may still turn out to be the frame of a trace: then nothing that is read here counts, and nothing here may refuse it.
    private void TakeInputValue(ref Utf8JsonReader reader)
    {
        var isNumber = reader.TokenType is JsonTokenType.Number;
        switch (member)
        {
            case Member.Type when reader.TokenType is JsonTokenType.String: current.Type.Set(Text(ref reader)); break;
            case Member.Time when isNumber && reader.TryGetDouble(out var ms) && ms is >= 0 and < 1e12: current.At = (long)(ms * 1000); break;
            case Member.X: current.HasX = isNumber; break;
            case Member.Y: current.HasY = isNumber; break;
            case Member.Key: current.HasKey |= reader.TokenType is JsonTokenType.String; break;
            default: break;
        }
    }

    private void End()
    {
        if (shape is Shape.Lines) EndInput();
        else EndChrome();
        events++;
    }

    private void EndChrome()
    {
        if (current.Phase == 0) throw WrongEvent("a phase (“ph”), as every event of a trace has");
        phases.Add([current.Phase]);
        AddCategories(current.Category.Bytes);
        if (current.Phase == 'M')
        {
            if (current.Title.Bytes.SequenceEqual("process_name"u8)) processes.NameProcess(current.Pid, current.ArgumentName.ToString());
            else if (current.Title.Bytes.SequenceEqual("thread_name"u8)) processes.NameThread(current.Pid, current.Tid, current.ArgumentName.ToString());
            return;
        }
        if (current.At is not { } at) throw WrongEvent("a time (“ts”), as every event but those about processes has");
        timeline.Add(at, current.Duration);
        names.Add(current.Title.Bytes);
        processes.Count(current.Pid, current.Tid);
        if (!current.Type.IsEmpty && current.Title.Bytes.SequenceEqual("EventDispatch"u8) && !InputKinds.FamilyOf(current.Type.Bytes).IsEmpty) inputs.Add(current.Type.Bytes);
    }

    private void EndInput()
    {
        var family = InputKinds.FamilyOf(current.Type.Bytes);
        if (family.IsEmpty) throw WrongEvent(events == 0 ? $"“traceEvents”, or an input event: “type” one of {InputKinds.Listed}" : $"“type” one of {InputKinds.Listed}");
        if (current.At is not { } at) throw WrongEvent("“time”: milliseconds from the beginning of the recording");
        if (family.SequenceEqual("keyboard"u8) && !current.HasKey) throw WrongEvent("“key” or “code” of the keyboard event");
        if (!family.SequenceEqual("keyboard"u8) && !(current.HasX && current.HasY)) throw WrongEvent("“x” and “y”: CSS pixels");
        categories.Add(family);
        inputs.Add(current.Type.Bytes);
        names.Add(current.Type.Bytes);
        timeline.Add(at, 0);
    }

    private void AddCategories(ReadOnlySpan<byte> all)
    {
        foreach (var range in all.Split((byte)','))
        {
            var one = all[range].Trim((byte)' ');
            if (!one.IsEmpty) categories.Add(one);
        }
    }

    private ReadOnlySpan<byte> Text(ref Utf8JsonReader reader, string? expected = null)
    {
        if (reader.TokenType is not JsonTokenType.String) throw Wrong(reader.TokenStartIndex, expected ?? "a text");
        if (!reader.ValueIsEscaped) return reader.ValueSpan;
        if (reader.ValueSpan.Length > scratch.Length) return reader.ValueSpan; // a name this long is cut anyway
        try
        {
            return scratch.AsSpan(0, reader.CopyString(scratch));
        }
        catch (InvalidOperationException)
        {
            throw Wrong(reader.TokenStartIndex, "a text without half characters");
        }
    }

    private long Whole(ref Utf8JsonReader reader, string expected)
    {
        if (reader.TokenType is not JsonTokenType.Number) throw Wrong(reader.TokenStartIndex, expected);
        if (reader.TryGetInt64(out var whole)) return whole;
        return reader.TryGetDouble(out var number) && Math.Abs(number) < 9e18 ? (long)number : throw Wrong(reader.TokenStartIndex, expected);
    }

    private static string Plain(JsonException broken)
    {
        var text = broken.Message;
        var end = text.IndexOf(" LineNumber", StringComparison.Ordinal);
        return "JSON; " + (end < 0 ? text : text[..end]);
    }

    private MalformedTraceException WrongEvent(string expected) => At(current.Offset, expected);

    private MalformedTraceException Wrong(long inPiece, string expected) => At(read + inPiece, expected);

    private MalformedTraceException At(long offset, string expected) =>
        new(TraceFault.Malformed, $"This is not a trace that can be read: at byte {offset}, event {events}, expected {expected}.", offset, events, expected);
}
