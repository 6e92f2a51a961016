namespace Tracepipe.Tests.App;

/// <summary>How much a test does where it knows a short and a long figure: <c>./test --long</c> asks for the long one.</summary>
internal static class Long
{
    public static bool IsWanted { get; } = Environment.GetEnvironmentVariable("TRACEPIPE_LONG") == "1";

    /// <summary>Where a long run begins: <c>TRACEPIPE_FROM=5000</c> goes on where an earlier one was broken off.</summary>
    public static int From { get; } = IsWanted && int.TryParse(Environment.GetEnvironmentVariable("TRACEPIPE_FROM"), out var from) ? from : 0;

    /// <summary>Before which number a long run of <paramref name="all"/> ends: <c>TRACEPIPE_TO=5200</c> makes it a part that can be seen to end.</summary>
    public static int To(int all) => int.TryParse(Environment.GetEnvironmentVariable("TRACEPIPE_TO"), out var to) ? Math.Min(to, all) : all;

    public static int Or(int shortly, int atLength) => IsWanted ? atLength : shortly;
}
