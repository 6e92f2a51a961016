using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>
/// Reads a trace piece by piece and makes its summary. Which of the three formats it is shows in the content: an array, an object with <c>traceEvents</c>,
/// or one object a line. Chrome's format: the “Trace Event Format” document of the Chromium project; what its own viewer accepts is accepted, such as an
/// array without its closing bracket.
/// </summary>
internal sealed class TraceParser
{
    private readonly TraceCounts counts;
    private readonly TraceEvent current = new();
    private readonly byte[] scratch = new byte[1024];
    private readonly int mostMembers;
    private readonly JsonReaderOptions options;
    private JsonReaderState state;
    private Shape shape = Shape.Unknown;
    private Member member;
    private Argument argument;
    private bool inEvent;
    private bool inEvents;
    private bool rootClosed;
    private bool sawEvents;
    private bool rootMemberIsEvents;
    private int depth; // of what is being read within the event: its own members stand at 1
    private long read;

    /// <param name="counts">Where events are counted.</param>
    public TraceParser(TraceLimits limits, TraceCounts counts)
    {
        (this.counts, mostMembers) = (counts, limits.MembersPerEvent);
        options = new JsonReaderOptions { MaxDepth = limits.Depth, AllowMultipleValues = true };
        state = new JsonReaderState(options);
    }

    private enum Shape { Unknown, Array, Undecided, Object, Lines }

    private enum Member { Other, Phase, At, Duration, Category, Title, Pid, Tid, Arguments, Type, Time, X, Y, Key }

    private enum Argument { Other, Name, Data, DataType }

    /// <summary>Events read so far.</summary>
    public long Events => counts.Events;

    /// <summary>Whether an event has ended, or none has begun, and another may follow.</summary>
    public bool IsBetweenEvents => !inEvent && IsAmongEvents;

    /// <summary>What stands between two events where each has a line of its own; empty as long as the format is not known or no events come. It may stand within an event as well.</summary>
    public ReadOnlySpan<byte> EventBorder => !IsAmongEvents ? [] : shape is Shape.Lines ? "}\n{"u8 : "},\n{"u8;

    private bool IsAmongEvents => !rootClosed && (shape is Shape.Array or Shape.Lines || (shape is Shape.Object && inEvents));

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
            while (reader.Read())
            {
                if (inEvent) TakeMember(ref reader);
                else TakeFrame(ref reader);
            }
        }
        catch (JsonException broken)
        {
            throw Wrong(reader.BytesConsumed, isEnd && reader.BytesConsumed + 64 >= data.Length ? "the rest of the file: it breaks off here" : Plain(broken));
        }
        state = reader.CurrentState;
        read += reader.BytesConsumed;
        return (int)reader.BytesConsumed;
    }

    /// <summary>Begins anew, with nothing counted, behind an event of the trace that <paramref name="before"/> reads.</summary>
    /// <param name="ahead">How many bytes ahead of what that one has read.</param>
    public void BeginBehindEvent(TraceParser before, int ahead)
    {
        counts.Clear();
        (shape, read) = (before.shape, before.read + ahead);
        (inEvents, sawEvents, inEvent, rootClosed, rootMemberIsEvents) = (before.inEvents, before.sawEvents, false, false, false);
        var reader = new Utf8JsonReader(shape switch { Shape.Array => "[{}"u8, Shape.Object => "{\"traceEvents\":[{}"u8, _ => "{}"u8 }, isFinalBlock: false, new JsonReaderState(options));
        while (reader.Read()) { }
        state = reader.CurrentState;
    }

    /// <summary>Reads <paramref name="data"/> when that is whole events and nothing else.</summary>
    /// <returns>False: it is not, and what was counted of it is worth nothing. Who reads it from its beginning learns why.</returns>
    public bool TryReadEvents(ReadOnlySpan<byte> data)
    {
        try
        {
            return Read(data, isEnd: false) == data.Length && IsBetweenEvents;
        }
        catch (MalformedTraceException)
        {
            return false;
        }
    }

    /// <summary>Goes on where <paramref name="behind"/> has left off, which began where this one is now.</summary>
    public void Take(TraceParser behind)
    {
        read = behind.read;
        counts.Add(behind.counts);
    }

    /// <summary>The summary of all that was read.</summary>
    /// <param name="rest">What the last <see cref="Read"/> left.</param>
    /// <exception cref="MalformedTraceException">The file breaks off, or holds no events.</exception>
    public TraceSummary Complete(ReadOnlySpan<byte> rest)
    {
        rest = rest[Read(rest, isEnd: false)..];
        var isCut = shape is Shape.Array && IsBetweenEvents && IsNothingOrComma(rest);
        if (!isCut) Read(rest, isEnd: true);
        if (Events == 0) throw Wrong(0, shape is Shape.Unknown ? "a trace: the file is empty" : "at least one event");
        List<string> warnings = [];
        if (isCut) warnings.Add("The file breaks off after its last event: the closing bracket is missing. All events that it holds were read.");
        var format = shape switch { Shape.Array => TraceFormat.ChromeArray, Shape.Object => TraceFormat.ChromeObject, _ => TraceFormat.InputLines };
        return counts.Summarize(format, isCut, read + (isCut ? rest.Length : 0), warnings);
    }

    private static bool IsNothingOrComma(ReadOnlySpan<byte> rest)
    {
        rest = rest.Trim(" \t\r\n"u8);
        return rest.IsEmpty || rest.SequenceEqual(","u8);
    }

    /// <summary>What stands around the events.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TakeFrame(ref Utf8JsonReader reader)
    {
        var (token, level) = (reader.TokenType, reader.CurrentDepth);
        switch (shape)
        {
            case Shape.Unknown when token is JsonTokenType.StartArray:
                shape = Shape.Array;
                break;
            case Shape.Unknown when token is JsonTokenType.StartObject:
                shape = Shape.Undecided;
                Begin(ref reader);
                break;
            case Shape.Unknown:
                throw Wrong(reader.TokenStartIndex, "a trace: an object with “traceEvents”, an array of events, or one input event a line");
            case Shape.Array or Shape.Object when rootClosed:
                throw Wrong(reader.TokenStartIndex, "the end of the file");
            case Shape.Array when token is JsonTokenType.StartObject && level == 1:
            case Shape.Object when inEvents && token is JsonTokenType.StartObject && level == 2:
            case Shape.Lines when token is JsonTokenType.StartObject && level == 0:
                Begin(ref reader);
                break;
            case Shape.Array when token is JsonTokenType.EndArray && level == 0:
            case Shape.Object when token is JsonTokenType.EndObject && level == 0:
                rootClosed = true;
                break;
            case Shape.Object when inEvents && token is JsonTokenType.EndArray && level == 1:
                inEvents = false;
                break;
            case Shape.Array or Shape.Lines:
            case Shape.Object when inEvents:
                throw Wrong(reader.TokenStartIndex, "an event: an object");
            case Shape.Object when level == 1 && token is JsonTokenType.PropertyName:
                rootMemberIsEvents = reader.ValueTextEquals("traceEvents"u8);
                break;
            case Shape.Object when level == 1 && rootMemberIsEvents:
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
        (shape, inEvent, inEvents, sawEvents, rootMemberIsEvents) = (Shape.Object, false, true, true, false);
    }

    private void Begin(ref Utf8JsonReader reader)
    {
        inEvent = true;
        (depth, member, argument) = (1, Member.Other, Argument.Other);
        current.Begin(read + reader.TokenStartIndex);
    }

    // Not inlined: then the loop around it is small enough that the compiler inlines the reader's own steps, which is worth more.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TakeMember(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.PropertyName:
                if (++current.Members > mostMembers && shape is not Shape.Undecided) throw Wrong(reader.TokenStartIndex, $"at most {mostMembers} members in an event");
                if (depth == 1)
                {
                    member = MemberOf(ref reader);
                    argument = Argument.Other;
                    if (shape is Shape.Undecided) rootMemberIsEvents = reader.ValueTextEquals("traceEvents"u8);
                }
                else if (depth <= 3 && member is Member.Arguments) TakeArgument(ref reader);
                break;
            case JsonTokenType.StartObject or JsonTokenType.StartArray:
                if (depth == 1)
                {
                    if (rootMemberIsEvents && shape is Shape.Undecided)
                    {
                        BeginEvents(ref reader);
                        break;
                    }
                    if (member is not Member.Other and not Member.Arguments) TakeValue(ref reader);
                }
                depth++;
                break;
            case JsonTokenType.EndObject or JsonTokenType.EndArray:
                if (--depth > 0) break;
                inEvent = false;
                if (shape is Shape.Undecided) shape = Shape.Lines;
                End();
                break;
            default:
                if (depth == 1)
                {
                    if (rootMemberIsEvents && shape is Shape.Undecided) BeginEvents(ref reader); // refuses
                    if (member is not Member.Other) TakeValue(ref reader);
                }
                else if (argument is Argument.Name or Argument.DataType && reader.TokenType is JsonTokenType.String) TakeArgumentText(ref reader);
                break;
        }
    }

    private void TakeArgument(ref Utf8JsonReader reader)
    {
        if (depth == 2) argument = reader.ValueTextEquals("name"u8) ? Argument.Name : reader.ValueTextEquals("data"u8) ? Argument.Data : Argument.Other;
        else if (argument is Argument.Data or Argument.DataType) argument = reader.ValueTextEquals("type"u8) ? Argument.DataType : Argument.Data;
    }

    private void TakeArgumentText(ref Utf8JsonReader reader)
    {
        if (depth == 2 && argument is Argument.Name) current.ArgumentName.Set(Text(ref reader));
        else if (depth == 3 && argument is Argument.DataType) current.Kind = InputKinds.Find(Text(ref reader));
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
            case Member.At: (current.At, current.HasTime) = (Whole(ref reader, "a time in microseconds (“ts”)"), true); break;
            case Member.Duration: current.Duration = Whole(ref reader, "a duration in microseconds (“dur”)"); break;
            case Member.Pid: current.Pid = Whole(ref reader, "a process number (“pid”)"); break;
            case Member.Tid: current.Tid = Whole(ref reader, "a thread number (“tid”)"); break;
            case Member.Category: TakeCategory(Text(ref reader, "a text (“cat”)")); break;
            case Member.Title: current.Title = counts.Names.Find(TraceEvent.ShortText.Cut(Text(ref reader, "a text (“name”)"))); break;
            default: break;
        }
    }

    // The first object of a file may still turn out to be the frame of a trace: then nothing that is read here counts, and nothing here may refuse it.
    private void TakeInputValue(ref Utf8JsonReader reader)
    {
        var isNumber = reader.TokenType is JsonTokenType.Number;
        switch (member)
        {
            case Member.Type when reader.TokenType is JsonTokenType.String: current.Kind = InputKinds.Find(Text(ref reader)); break;
            case Member.Time when isNumber && reader.TryGetDouble(out var ms) && ms is >= 0 and < 1e12: (current.At, current.HasTime) = ((long)(ms * 1000), true); break;
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
        counts.Events++;
    }

    private void EndChrome()
    {
        if (current.Phase == 0) throw WrongEvent("a phase (“ph”), as every event of a trace has");
        counts.Phases[current.Phase]++;
        if (current.Category is { Parts: { } parts }) foreach (var part in parts) part.Count++;
        else if (!current.RareCategory.Bytes.IsEmpty) foreach (var part in PartsOf(current.RareCategory.Bytes)) part.Count++;
        var title = current.Title ?? counts.Unnamed;
        if (current.Phase == 'M')
        {
            if (title == counts.ProcessName) counts.Processes.NameProcess(current.Pid, current.ArgumentName.ToString());
            else if (title == counts.ThreadName) counts.Processes.NameThread(current.Pid, current.Tid, current.ArgumentName.ToString());
            return;
        }
        if (!current.HasTime) throw WrongEvent("a time (“ts”), as every event but those about processes has");
        counts.Timeline.Add(current.At, current.Duration);
        title.Count++;
        counts.Processes.Count(current.Pid, current.Tid);
        if (current.Kind != InputKinds.None && title == counts.Dispatch) counts.Inputs[current.Kind]++;
    }

    private void EndInput()
    {
        var kind = current.Kind;
        if (kind == InputKinds.None) throw WrongEvent(Events == 0 ? $"“traceEvents”, or an input event: “type” one of {InputKinds.Listed}" : $"“type” one of {InputKinds.Listed}");
        if (!current.HasTime) throw WrongEvent("“time”: milliseconds from the beginning of the recording");
        if (InputKinds.IsKeyboard(kind) && !current.HasKey) throw WrongEvent("“key” or “code” of the keyboard event");
        if (!InputKinds.IsKeyboard(kind) && !(current.HasX && current.HasY)) throw WrongEvent("“x” and “y”: CSS pixels");
        counts.Categories.Find(InputKinds.FamilyOf(kind)).Count++;
        counts.Names.Find(InputKinds.NameOf(kind)).Count++;
        counts.Inputs[kind]++;
        counts.Timeline.Add(current.At, 0);
    }

    private void TakeCategory(ReadOnlySpan<byte> text)
    {
        text = TraceEvent.ShortText.Cut(text);
        var entry = counts.CategoryTexts.Find(text);
        current.RareCategory.Clear();
        current.Category = null;
        if (entry == counts.CategoryTexts.Others) current.RareCategory.Set(text);
        else (current.Category, entry.Parts) = (entry, entry.Parts ?? PartsOf(text));
    }

    private Tally.Entry[] PartsOf(ReadOnlySpan<byte> text)
    {
        var parts = new List<Tally.Entry>();
        foreach (var range in text.Split((byte)','))
        {
            var one = text[range].Trim((byte)' ');
            if (!one.IsEmpty) parts.Add(counts.Categories.Find(one));
        }
        return [.. parts];
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
        var digits = reader.ValueSpan;
        if (digits.Length <= 18)
        {
            var plain = 0L;
            foreach (var digit in digits)
            {
                if (!char.IsAsciiDigit((char)digit)) return Unusual(ref reader, expected);
                plain = (plain * 10) + (digit - '0');
            }
            return plain;
        }
        return Unusual(ref reader, expected);
    }

    private long Unusual(ref Utf8JsonReader reader, string expected)
    {
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
        new(TraceFault.Malformed, $"This is not a trace that can be read: at byte {offset}, event {Events}, expected {expected}.", offset, Events, expected);
}
