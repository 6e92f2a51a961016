using System.IO.Compression;
using System.Text.Json;

namespace Tracepipe.Storefront.Demo;

/// <summary>
/// A recorded session as a browser's Performance panel saves it: somebody who looks, moves, clicks, types and scrolls, the frames that follow, and the quiet in between
/// (Chromium's “Trace Event Format”).
/// </summary>
internal static class DemoTrace
{
    private const int Browser = 1107, Renderer = 1398, Main = 1, Compositor = 7, Loader = 12;
    private static readonly string[] Follow = ["UpdateLayoutTree", "Layout", "PrePaint", "Paint", "Layerize", "Commit"];
    private static readonly string[] Network = ["ResourceSendRequest", "ResourceReceiveResponse", "ResourceReceivedData", "ResourceFinish"];

    /// <param name="seconds">How long it was recorded.</param>
    public static byte[] Make(Random dice, int seconds, bool packed)
    {
        using var file = new MemoryStream();
        using (var target = packed ? new GZipStream(file, CompressionLevel.Fastest, leaveOpen: true) : (Stream)file)
        using (var json = new Utf8JsonWriter(target))
        {
            json.WriteStartObject();
            json.WriteStartObject("metadata");
            json.WriteString("source", "DevTools");
            json.WriteNumber("hardwareConcurrency", 8);
            json.WriteEndObject();
            json.WriteStartArray("traceEvents");
            NameOf(json, "process_name", Browser, 0, "Browser");
            NameOf(json, "process_name", Renderer, 0, "Renderer");
            NameOf(json, "thread_name", Browser, Main, "CrBrowserMain");
            NameOf(json, "thread_name", Renderer, Main, "CrRendererMain");
            NameOf(json, "thread_name", Renderer, Compositor, "Compositor");
            NameOf(json, "thread_name", Renderer, Loader, "ThreadPoolForegroundWorker");
            Play(json, dice, seconds);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return file.ToArray();
    }

    private static void Play(Utf8JsonWriter json, Random dice, int seconds)
    {
        long at = 48_211_000_000 + dice.Next(1_000_000);
        var end = at + (seconds * 1_000_000L);
        at = Load(json, dice, at);
        while (at < end)
        {
            switch (dice.Next(10))
            {
                case < 3:
                    for (var i = dice.Next(20, 60); i > 0; i--) at = Input(json, dice, at, "mousemove", 16_600, paints: i % 6 == 0);
                    break;
                case < 5:
                    at = Input(json, dice, at, "mousedown", 70_000, paints: false);
                    at = Input(json, dice, at, "mouseup", 2_000, paints: false);
                    at = Input(json, dice, at, "click", 90_000, paints: true);
                    if (dice.Next(3) == 0) at = Load(json, dice, at);
                    break;
                case < 8:
                    for (var i = dice.Next(6, 24); i > 0; i--)
                    {
                        at = Input(json, dice, at, "keydown", 45_000, paints: true);
                        at = Input(json, dice, at, "keyup", 110_000, paints: false);
                    }
                    break;
                case < 9:
                    for (var i = dice.Next(10, 40); i > 0; i--) at = Input(json, dice, at, "wheel", 16_600, paints: true);
                    break;
                default:
                    Write(json, "blink.user_timing", "R", dice.Next(2) == 0 ? "cart-updated" : "results-shown", Renderer, Main, at, duration: 0, data: null);
                    break;
            }
            at += dice.Next(200_000, 3_500_000); // somebody reads
        }
    }

    /// <summary>A page comes in: requests, parsing, scripts, first frames.</summary>
    private static long Load(Utf8JsonWriter json, Random dice, long at)
    {
        Write(json, "navigation", "R", "navigationStart", Renderer, Main, at, duration: 0, data: null);
        for (var i = dice.Next(14, 34); i > 0; i--)
            foreach (var name in Network) Write(json, "devtools.timeline", "I", name, Renderer, name is "ResourceSendRequest" ? Main : Loader, at += dice.Next(800, 12_000), duration: 0, data: null);
        Write(json, "devtools.timeline", "X", "ParseHTML", Renderer, Main, at += 3_000, dice.Next(4_000, 30_000), data: null);
        for (var i = dice.Next(4, 12); i > 0; i--) Write(json, "devtools.timeline,v8", "X", "EvaluateScript", Renderer, Main, at += dice.Next(4_000, 20_000), dice.Next(600, 18_000), data: null);
        Write(json, "loading", "R", "firstContentfulPaint", Renderer, Main, at += 20_000, duration: 0, data: null);
        return Frame(json, dice, at);
    }

    private static long Input(Utf8JsonWriter json, Random dice, long at, string type, int then, bool paints)
    {
        Write(json, "input,latencyInfo", "X", "InputLatency::" + (type is "wheel" ? "GestureScrollUpdate" : type is "mousemove" ? "MouseMove" : type.StartsWith("key", StringComparison.Ordinal) ? "KeyEvent" : "MouseButton"), Browser, Main, at, dice.Next(900, 9_000), data: null);
        Write(json, "devtools.timeline", "X", "EventDispatch", Renderer, Main, at + dice.Next(200, 1_500), dice.Next(60, 4_000), type);
        if (paints) Frame(json, dice, at + 2_000);
        return at + then + dice.Next(then / 4);
    }

    private static long Frame(Utf8JsonWriter json, Random dice, long at)
    {
        Write(json, "devtools.timeline,v8", "X", "FunctionCall", Renderer, Main, at, dice.Next(80, 5_000), data: null);
        foreach (var name in Follow) Write(json, "devtools.timeline", "X", name, Renderer, Main, at += dice.Next(100, 900), dice.Next(30, 1_200), data: null);
        Write(json, "disabled-by-default-devtools.timeline", "X", "CompositeLayers", Renderer, Compositor, at += 300, dice.Next(40, 400), data: null);
        return at + 16_600;
    }

    private static void NameOf(Utf8JsonWriter json, string what, int pid, int tid, string name)
    {
        json.WriteStartObject();
        json.WriteString("ph", "M");
        json.WriteString("cat", "__metadata");
        json.WriteString("name", what);
        json.WriteNumber("pid", pid);
        json.WriteNumber("tid", tid);
        json.WriteNumber("ts", 0);
        json.WriteStartObject("args");
        json.WriteString("name", name);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string category, string phase, string name, int pid, int tid, long at, int duration, string? data)
    {
        json.WriteStartObject();
        json.WriteString("ph", phase);
        json.WriteString("cat", category);
        json.WriteString("name", name);
        json.WriteNumber("pid", pid);
        json.WriteNumber("tid", tid);
        json.WriteNumber("ts", at);
        if (phase is "X") json.WriteNumber("dur", duration);
        json.WriteStartObject("args");
        if (data is not null)
        {
            json.WriteStartObject("data");
            json.WriteString("type", data);
            json.WriteEndObject();
        }
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
