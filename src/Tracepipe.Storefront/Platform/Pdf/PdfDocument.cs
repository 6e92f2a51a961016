using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace Tracepipe.Storefront.Platform.Pdf;

/// <summary>A size of paper, in points (1/72 inch).</summary>
internal sealed record Paper(double Width, double Height)
{
    public static Paper A4 { get; } = new(595.28, 841.89);

    public static Paper Letter { get; } = new(612, 792);
}

/// <summary>
/// A PDF 1.7 of text, lines and simple shapes; the glyphs it uses are embedded, and each can be searched and copied as the character it stands for. Places are
/// points from the upper left corner. The same calls make the same bytes.
/// </summary>
/// <param name="createdAt">Stands in the file.</param>
internal sealed class PdfDocument(Paper paper, string title, string author, DateTimeOffset createdAt)
{
    private readonly List<StringBuilder> pages = [];
    private readonly List<WoffFont> fonts = [];
    private readonly Dictionary<WoffFont, SortedDictionary<ushort, int>> used = [];

    public int Pages => pages.Count;

    public void AddPage() => pages.Add(new StringBuilder());

    /// <summary>Text that begins at a place, on its base line.</summary>
    /// <param name="grey">0 is black.</param>
    /// <param name="page">From 0; null: the last.</param>
    public void Text(double x, double y, string text, double size, Typeface? face = null, double grey = 0, int? page = null)
    {
        var to = pages[page ?? pages.Count - 1];
        to.Append(CultureInfo.InvariantCulture, $"BT {grey:0.##} g {x:0.##} {paper.Height - y:0.##} Td ");
        foreach (var (font, glyphs) in (face ?? Typeface.Regular).Set(text))
        {
            to.Append(CultureInfo.InvariantCulture, $"/F{Use(font, glyphs)} {size:0.##} Tf <");
            foreach (var (glyph, _) in glyphs) to.Append(CultureInfo.InvariantCulture, $"{glyph:X4}");
            to.Append("> Tj ");
        }
        to.Append("ET\n");
    }

    /// <summary>Text that ends at a place.</summary>
    public void TextRight(double x, double y, string text, double size, Typeface? face = null, double grey = 0, int? page = null) =>
        Text(x - (face ?? Typeface.Regular).WidthOf(text, size), y, text, size, face, grey, page);

    public void Line(double fromX, double toX, double y, double grey = 0.82) =>
        pages[^1].Append(CultureInfo.InvariantCulture, $"{grey:0.##} G 0.6 w {fromX:0.##} {paper.Height - y:0.##} m {toX:0.##} {paper.Height - y:0.##} l S\n");

    /// <summary>A stroke along points, in a colour (0 to 1): <c>m</c> moves, <c>l</c> draws a line, <c>c</c> a curve with its two handles.</summary>
    public void Stroke(IEnumerable<(char Verb, double[] Points)> path, double width, (double Red, double Green, double Blue) colour)
    {
        var to = pages[^1];
        to.Append(CultureInfo.InvariantCulture, $"{colour.Red:0.###} {colour.Green:0.###} {colour.Blue:0.###} RG {width:0.##} w ");
        foreach (var (verb, points) in path)
        {
            for (var i = 0; i < points.Length; i += 2) to.Append(CultureInfo.InvariantCulture, $"{points[i]:0.##} {paper.Height - points[i + 1]:0.##} ");
            to.Append(verb).Append(' ');
        }
        to.Append("S\n");
    }

    public byte[] Save()
    {
        var file = new PdfFile();
        // 1 the catalogue, 2 the pages, 3 what the document is; then five objects for a font and two for a page.
        var firstPage = 4 + (5 * fonts.Count);
        file.Add(1, "<< /Type /Catalog /Pages 2 0 R /Lang (en) /ViewerPreferences << /DisplayDocTitle true >> >>");
        file.Add(2, $"<< /Type /Pages /Count {pages.Count} /Kids [{string.Join(' ', Enumerable.Range(0, pages.Count).Select(i => $"{firstPage + (2 * i)} 0 R"))}] >>");
        file.Add(3, string.Create(CultureInfo.InvariantCulture, $"<< /Title {Words(title)} /Author {Words(author)} /Producer {Words(author)} /CreationDate (D:{createdAt.UtcDateTime:yyyyMMddHHmmss}Z) >>"));
        for (var i = 0; i < fonts.Count; i++) AddFont(file, 4 + (5 * i), fonts[i], used[fonts[i]], i);
        var resources = $"<< /Font << {string.Join(' ', fonts.Select((_, i) => $"/F{i} {4 + (5 * i)} 0 R"))} >> >>";
        for (var i = 0; i < pages.Count; i++)
        {
            file.Add(firstPage + (2 * i), string.Create(CultureInfo.InvariantCulture, $"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {paper.Width:0.##} {paper.Height:0.##}] /Resources {resources} /Contents {firstPage + (2 * i) + 1} 0 R >>"));
            file.AddStream(firstPage + (2 * i) + 1, "", Encoding.ASCII.GetBytes(pages[i].ToString()));
        }
        return file.Close(root: 1, info: 3);
    }

    private int Use(WoffFont font, IReadOnlyList<(ushort Glyph, int Character)> glyphs)
    {
        if (!used.TryGetValue(font, out var known))
        {
            used[font] = known = [];
            fonts.Add(font);
        }
        foreach (var (glyph, character) in glyphs) known.TryAdd(glyph, character);
        return fonts.IndexOf(font);
    }

    private static void AddFont(PdfFile file, int id, WoffFont font, SortedDictionary<ushort, int> glyphs, int number)
    {
        var name = $"{new string([.. Enumerable.Range(0, 6).Select(i => (char)('A' + ((number + (i * 7)) % 26)))])}+{font.Name}"; // the tag of a font of which only a part is embedded
        int Per1000(int units) => (int)Math.Round(units * 1000.0 / font.UnitsPerEm);
        file.Add(id, $"<< /Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /Identity-H /DescendantFonts [{id + 1} 0 R] /ToUnicode {id + 4} 0 R >>");
        file.Add(id + 1, $"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{name} /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /CIDToGIDMap /Identity /FontDescriptor {id + 2} 0 R /W [{string.Join(' ', glyphs.Keys.Select(g => $"{g} [{Per1000(font.WidthOf(g))}]"))}] >>");
        file.Add(id + 2, $"<< /Type /FontDescriptor /FontName /{name} /Flags 4 /FontBBox [{string.Join(' ', font.Box.Select(Per1000))}] /ItalicAngle 0 /Ascent {Per1000(font.Ascent)} /Descent {Per1000(font.Descent)} /CapHeight {Per1000(font.Ascent)} /StemV 80 /FontFile2 {id + 3} 0 R >>");
        var outlines = font.Subset(glyphs.Keys);
        file.AddStream(id + 3, $"/Length1 {outlines.Length}", outlines);
        var map = new StringBuilder("/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def /CMapName /Adobe-Identity-UCS def /CMapType 2 def\n1 begincodespacerange <0000> <FFFF> endcodespacerange\n");
        foreach (var some in glyphs.Chunk(100)) // the most that one list may have
        {
            map.Append(CultureInfo.InvariantCulture, $"{some.Length} beginbfchar\n");
            foreach (var (glyph, character) in some) map.Append(CultureInfo.InvariantCulture, $"<{glyph:X4}> <{Convert.ToHexString(Encoding.BigEndianUnicode.GetBytes(char.ConvertFromUtf32(character)))}>\n");
            map.Append("endbfchar\n");
        }
        file.AddStream(id + 4, "", Encoding.ASCII.GetBytes(map.Append("endcmap CMapName currentdict /CMap defineresource pop end end\n").ToString()));
    }

    private static string Words(string text) => $"<FEFF{Convert.ToHexString(Encoding.BigEndianUnicode.GetBytes(text))}>";

    /// <summary>Objects one after the other, and where each begins.</summary>
    private sealed class PdfFile
    {
        private readonly MemoryStream bytes = new();
        private readonly SortedDictionary<int, long> places = [];

        public PdfFile() => Write("%PDF-1.7\n%\u00e2\u00e3\u00cf\u00d3\n");

        public void Add(int id, string body)
        {
            places[id] = bytes.Position;
            Write($"{id} 0 obj\n{body}\nendobj\n");
        }

        public void AddStream(int id, string more, byte[] content)
        {
            using var packed = new MemoryStream();
            using (var deflate = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true)) deflate.Write(content);
            places[id] = bytes.Position;
            Write($"{id} 0 obj\n<< /Length {packed.Length} /Filter /FlateDecode {more} >>\nstream\n");
            packed.WriteTo(bytes);
            Write("\nendstream\nendobj\n");
        }

        public byte[] Close(int root, int info)
        {
            var start = bytes.Position;
            Write($"xref\n0 {places.Count + 1}\n0000000000 65535 f \n");
            foreach (var (_, place) in places) Write(string.Create(CultureInfo.InvariantCulture, $"{place:0000000000} 00000 n \n"));
            Write($"trailer\n<< /Size {places.Count + 1} /Root {root} 0 R /Info {info} 0 R >>\nstartxref\n{start}\n%%EOF\n");
            return bytes.ToArray();
        }

        private void Write(string text) => bytes.Write(Encoding.Latin1.GetBytes(text));
    }
}
