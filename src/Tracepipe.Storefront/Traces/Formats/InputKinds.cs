namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>The kinds of input that a person makes: the names of the DOM's events. Lines of input may hold these only.</summary>
internal static class InputKinds
{
    /// <summary>For people: what a line's <c>type</c> may be.</summary>
    public const string Listed = "keydown, keyup, keypress, mousedown, mouseup, mousemove, click, dblclick, contextmenu, wheel, touchstart, touchmove, touchend, touchcancel";

    /// <summary><c>keyboard</c>, <c>mouse</c> or <c>touch</c>; empty for anything else.</summary>
    public static ReadOnlySpan<byte> FamilyOf(ReadOnlySpan<byte> type) => type switch
    {
        _ when type.SequenceEqual("keydown"u8) || type.SequenceEqual("keyup"u8) || type.SequenceEqual("keypress"u8) => "keyboard"u8,
        _ when type.SequenceEqual("mousemove"u8) || type.SequenceEqual("mousedown"u8) || type.SequenceEqual("mouseup"u8) || type.SequenceEqual("click"u8)
            || type.SequenceEqual("dblclick"u8) || type.SequenceEqual("contextmenu"u8) || type.SequenceEqual("wheel"u8) => "mouse"u8,
        _ when type.SequenceEqual("touchstart"u8) || type.SequenceEqual("touchmove"u8) || type.SequenceEqual("touchend"u8) || type.SequenceEqual("touchcancel"u8) => "touch"u8,
        _ => [],
    };
}
