using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Components;

namespace Tracepipe.Storefront.Ui;

/// <summary>A piece of code in a language that a reader can choose.</summary>
/// <param name="Language"><c>curl</c>, <c>Python</c>, <c>JavaScript</c> or <c>C#</c>: the tab's name.</param>
public sealed record CodeSample(string Language, string Text);

/// <summary>Colours code for reading: keys and keywords, strings, numbers, comments. The text itself is escaped like any other.</summary>
internal static partial class Highlight
{
    public static RenderFragment Render(string text, string language) => builder =>
    {
        var at = 0;
        foreach (Match match in Rules(language).Matches(text))
        {
            if (Kind(match) is not { } kind) continue;
            builder.AddContent(0, text[at..match.Index]);
            builder.OpenElement(1, "span");
            builder.AddAttribute(2, "class", kind);
            builder.AddContent(3, match.Value);
            builder.CloseElement();
            at = match.Index + match.Length;
        }
        builder.AddContent(4, text[at..]);
    };

    private static string? Kind(Match match) =>
        match.Groups["c"].Success ? "c" : match.Groups["k"].Success ? "k" : match.Groups["s"].Success ? "s" : match.Groups["n"].Success ? "n" : null;

    private static Regex Rules(string language) => language switch
    {
        "curl" or "Shell" => Shell(),
        ".env" => Variables(),
        "Python" => Python(),
        "JavaScript" => JavaScript(),
        "C#" => CSharp(),
        _ => Json(),
    };

    [GeneratedRegex("""(?<c>(?<=^|\s)\#.*)|(?<s>"[^"\n]*"|'[^'\n]*')|(?<k>(?<=^|\n)(?:curl|export|dotnet)\b)""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Shell();

    [GeneratedRegex("""(?<k>(?<=^|\n)\w+(?==))|(?<s>(?<==)[^\n]+)""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Variables();

    [GeneratedRegex("""(?<c>\#.*)|(?<s>f?"[^"\n]*")|(?<k>\b(?:import|from|with|as|if|not|raise|for|in|def|return)\b)|(?<n>\b\d+\b)""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Python();

    [GeneratedRegex("""(?<c>//[^\n]*)|(?<s>"[^"\n]*"|`[^`]*`)|(?<k>\b(?:const|await|new|if|throw|import|from|return|async)\b)|(?<n>\b\d+\b)""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex JavaScript();

    [GeneratedRegex("""(?<c>(?<!:)//[^\n]*)|(?<s>"[^"\n]*")|(?<k>\b(?:using|var|new|await|if|throw|return)\b)|(?<n>\b\d+\b)""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex CSharp();

    [GeneratedRegex("""(?<k>"[^"\n]*"(?=\s*:))|(?<s>"[^"\n]*")|(?<n>-?\b\d+(\.\d+)?\b|\b(?:true|false|null)\b)""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Json();
}
