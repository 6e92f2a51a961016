namespace Tracepipe.Storefront.Platform.Pdf;

/// <summary>Inter in one weight, with Noto Sans JP for the characters of East Asia: each character is set in the first font that has it.</summary>
internal sealed class Typeface
{
    private readonly WoffFont[] fonts;

    private Typeface(params string[] files) => fonts = [.. files.Select(Load)];

    public static Typeface Regular { get; } = new("inter-latin-400-normal", "inter-latin-ext-400-normal", "inter-cyrillic-400-normal", "inter-cyrillic-ext-400-normal", "inter-greek-400-normal", "inter-vietnamese-400-normal", "noto-sans-jp-japanese-400-normal");

    public static Typeface Bold { get; } = new("inter-latin-600-normal", "inter-latin-ext-600-normal", "inter-cyrillic-600-normal", "inter-cyrillic-ext-600-normal", "inter-greek-600-normal", "inter-vietnamese-600-normal", "noto-sans-jp-japanese-400-normal");

    /// <summary>The text as glyphs, in runs of one font. What no font has becomes a question mark.</summary>
    public IEnumerable<(WoffFont Font, IReadOnlyList<(ushort Glyph, int Character)> Glyphs)> Set(string text)
    {
        WoffFont? font = null;
        var run = new List<(ushort, int)>();
        foreach (var rune in text.EnumerateRunes())
        {
            var (found, glyph) = Find(System.Text.Rune.IsWhiteSpace(rune) ? ' ' : rune.Value);
            if (found != font && font is not null)
            {
                yield return (font, run);
                run = [];
            }
            font = found;
            run.Add((glyph, rune.Value));
        }
        if (font is not null) yield return (font, run);
    }

    /// <summary>How wide a text is at a size, in the same unit.</summary>
    public double WidthOf(string text, double size) => Set(text).Sum(r => r.Glyphs.Sum(g => (double)r.Font.WidthOf(g.Glyph)) / r.Font.UnitsPerEm) * size;

    /// <summary>Breaks a text into lines that fit; a word that is too long is broken, too.</summary>
    public IEnumerable<string> Wrap(string text, double size, double width)
    {
        var line = "";
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var longer = line.Length == 0 ? word : $"{line} {word}";
            if (WidthOf(longer, size) <= width)
            {
                line = longer;
                continue;
            }
            if (line.Length > 0) yield return line;
            line = "";
            foreach (var rune in word.EnumerateRunes())
            {
                if (line.Length > 0 && WidthOf(line + rune, size) > width)
                {
                    yield return line;
                    line = "";
                }
                line += rune.ToString();
            }
        }
        if (line.Length > 0) yield return line;
    }

    private (WoffFont Font, ushort Glyph) Find(int character)
    {
        foreach (var font in fonts)
            if (font.GlyphOf(character) is not 0 and var glyph) return (font, glyph);
        return (fonts[0], fonts[0].GlyphOf('?'));
    }

    private static WoffFont Load(string file) => Loaded.GetOrAdd(file, name =>
    {
        using var stream = typeof(Typeface).Assembly.GetManifestResourceStream($"Fonts/{name}.woff") ?? throw new InvalidOperationException($"The font {name} is not part of the program.");
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return new WoffFont(name, copy.ToArray());
    });

    private static System.Collections.Concurrent.ConcurrentDictionary<string, WoffFont> Loaded => field ??= new(StringComparer.Ordinal);
}
