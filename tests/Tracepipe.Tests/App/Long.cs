namespace Tracepipe.Tests.App;

/// <summary>How much a test does where it knows a short and a long figure: <c>./test --long</c> asks for the long one.</summary>
internal static class Long
{
    public static bool IsWanted { get; } = Environment.GetEnvironmentVariable("TRACEPIPE_LONG") == "1";

    public static int Or(int shortly, int atLength) => IsWanted ? atLength : shortly;
}
