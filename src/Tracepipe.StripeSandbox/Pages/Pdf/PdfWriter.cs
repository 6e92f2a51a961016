using System.Globalization;
using System.Text;

namespace Tracepipe.StripeSandbox.Pages.Pdf;

/// <summary>
/// A PDF of plain text and lines in the two Helvetica faces that every reader has; nothing is embedded. Written here because
/// PDFsharp 6.5 is AGPL and throws without a bought licence. Units are points from the top left corner.
/// </summary>
internal sealed class PdfWriter(string title, DateTimeOffset created)
{
    public const double Width = 595;
    public const double Height = 842;
    private readonly List<StringBuilder> _pages = [new()];

    public int Pages => _pages.Count;

    public void NewPage() => _pages.Add(new());

    public void Text(double x, double y, string text, double size = 10, bool bold = false, double grey = 0)
    {
        var page = _pages[^1];
        page.Append(CultureInfo.InvariantCulture, $"BT /{(bold ? "B" : "R")} {size} Tf {grey} g {x:0.##} {Height - y:0.##} Td (");
        foreach (var c in Encode(text))
        {
            if (c is (byte)'(' or (byte)')' or (byte)'\\') page.Append('\\');
            page.Append((char)c);
        }
        page.Append(") Tj ET\n");
    }

    /// <summary>Text whose right edge is at <paramref name="x"/>.</summary>
    public void TextRight(double x, double y, string text, double size = 10, bool bold = false, double grey = 0) => Text(x - WidthOf(text, size, bold), y, text, size, bold, grey);

    public void Line(double x1, double y, double x2, double grey = 0.8) =>
        _pages[^1].Append(CultureInfo.InvariantCulture, $"{grey} G 0.6 w {x1:0.##} {Height - y:0.##} m {x2:0.##} {Height - y:0.##} l S\n");

    /// <summary>Breaks a text into lines that fit.</summary>
    public static IEnumerable<string> Wrap(string text, double width, double size = 10, bool bold = false)
    {
        var line = "";
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var longer = line.Length == 0 ? word : $"{line} {word}";
            if (line.Length > 0 && WidthOf(longer, size, bold) > width)
            {
                yield return line;
                line = word;
            }
            else
            {
                line = longer;
            }
        }
        yield return line;
    }

    public static double WidthOf(string text, double size, bool bold) =>
        Encode(text).Sum(c => c is >= 32 and < 127 ? (bold ? HelveticaMetrics.Bold : HelveticaMetrics.Regular)[c - 32] : HelveticaMetrics.Other) * size / 1000;

    public byte[] Save()
    {
        using var file = new MemoryStream();
        var offsets = new List<long>();
        Write("%PDF-1.4\n%\u00e2\u00e3\u00cf\u00d3\n");
        var kids = string.Join(' ', _pages.Select((_, i) => $"{5 + (2 * i)} 0 R"));
        Object("<< /Type /Catalog /Pages 2 0 R /Lang (en) >>");
        Object($"<< /Type /Pages /Kids [{kids}] /Count {_pages.Count} /Resources << /Font << /R 3 0 R /B 4 0 R >> >> /MediaBox [0 0 {Width} {Height}] >>");
        Object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>");
        Object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>");
        foreach (var page in _pages)
        {
            Object($"<< /Type /Page /Parent 2 0 R /Contents {offsets.Count + 2} 0 R >>");
            Object($"<< /Length {page.Length} >>\nstream\n{page}endstream");
        }
        Object($"<< /Title ({Escape(title)}) /Producer (Billing sandbox) /CreationDate (D:{created.UtcDateTime:yyyyMMddHHmmss}Z) >>");
        var table = file.Length;
        Write($"xref\n0 {offsets.Count + 1}\n0000000000 65535 f \n");
        foreach (var offset in offsets) Write($"{offset:0000000000} 00000 n \n");
        Write($"trailer\n<< /Size {offsets.Count + 1} /Root 1 0 R /Info {offsets.Count} 0 R >>\nstartxref\n{table}\n%%EOF\n");
        return file.ToArray();

        void Object(string content)
        {
            offsets.Add(file.Length);
            Write($"{offsets.Count} 0 obj\n{content}\nendobj\n");
        }

        void Write(string text) => file.Write(Encoding.Latin1.GetBytes(text));
    }

    private static string Escape(string text) => Encoding.Latin1.GetString(Encode(text)).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("(", "\\(", StringComparison.Ordinal).Replace(")", "\\)", StringComparison.Ordinal);

    /// <summary>WinAnsi: Latin-1 and a few signs of print; anything else becomes a question mark.</summary>
    private static byte[] Encode(string text) => [.. text.Select(c => c switch
    {
        '–' => (byte)0x96,
        '—' => (byte)0x97,
        '’' => (byte)0x92,
        '“' => (byte)0x93,
        '”' => (byte)0x94,
        '•' => (byte)0x95,
        '…' => (byte)0x85,
        '€' => (byte)0x80,
        '×' => (byte)0xD7,
        '−' => (byte)'-',
        >= ' ' and < '\u007f' or >= '\u00a0' and <= '\u00ff' => (byte)c,
        _ => (byte)'?',
    })];
}

/// <summary>Advance widths of the printable ASCII characters, in thousandths of the font size, as the font's metrics file gives them.</summary>
internal static class HelveticaMetrics
{
    public const int Other = 556;

    public static readonly int[] Regular =
    [
        278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
        1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
        333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
    ];

    public static readonly int[] Bold =
    [
        278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611,
        975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556,
        333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
    ];
}
