namespace Tracepipe.Storefront.Metering.Pages;

/// <summary>The parts of the usage page that load by themselves. Each span has its own: what was loaded for one is never taken for another.</summary>
internal static class UsageFrames
{
    public static string OverTime(UsageSpan span) => $"usage-over-time-{span.Key}";

    public static string Breakdown(UsageSpan span) => $"usage-breakdown-{span.Key}";
}
