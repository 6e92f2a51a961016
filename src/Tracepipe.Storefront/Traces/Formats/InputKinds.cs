using System.Text;

namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>The kinds of input that a person makes: the names of the DOM's events. Lines of input may hold these only.</summary>
internal static class InputKinds
{
    /// <summary>No kind of input.</summary>
    public const int None = -1;

    private const int KeyboardKinds = 3;
    private static readonly (byte[] Name, byte[] Family)[] Kinds =
    [
        .. Of("keyboard", "keydown", "keyup", "keypress"),
        .. Of("mouse", "mousedown", "mouseup", "mousemove", "click", "dblclick", "contextmenu", "wheel"),
        .. Of("touch", "touchstart", "touchmove", "touchend", "touchcancel"),
    ];

    public static int Count => Kinds.Length;

    /// <summary>For people: what a line's <c>type</c> may be.</summary>
    public static string Listed { get; } = string.Join(", ", Kinds.Select(k => Encoding.UTF8.GetString(k.Name)));

    public static ReadOnlySpan<byte> NameOf(int kind) => Kinds[kind].Name;

    public static bool IsKeyboard(int kind) => kind < KeyboardKinds;

    /// <summary><c>keyboard</c>, <c>mouse</c> or <c>touch</c>.</summary>
    public static ReadOnlySpan<byte> FamilyOf(int kind) => Kinds[kind].Family;

    /// <summary>The kind of this name, or <see cref="None"/>.</summary>
    public static int Find(ReadOnlySpan<byte> name)
    {
        for (var kind = 0; kind < Kinds.Length; kind++)
            if (name.SequenceEqual(Kinds[kind].Name)) return kind;
        return None;
    }

    private static IEnumerable<(byte[] Name, byte[] Family)> Of(string family, params string[] names) => names.Select(n => (Encoding.UTF8.GetBytes(n), Encoding.UTF8.GetBytes(family)));
}
