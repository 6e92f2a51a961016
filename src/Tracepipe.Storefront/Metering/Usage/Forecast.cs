using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>
/// What use beyond the plan comes to at the month's end: what has accrued, and for each day left the mean of the last seven full days (an organization that is
/// younger: of the full days it has). The running day counts as one that is left as far as it lies below the mean, so that the forecast does not fall each
/// night and climb each day.
/// </summary>
/// <param name="Accrued">Exact dollars so far.</param>
/// <param name="Mean">Exact dollars of a day.</param>
/// <param name="DaysLeft">Whole days after the running one.</param>
/// <param name="Total">Exact dollars at the month's end.</param>
/// <param name="FullDays">How many days the mean is of.</param>
internal sealed record Forecast(decimal Accrued, decimal Mean, int DaysLeft, decimal Total, int FullDays)
{
    private const int MostDays = 7;

    /// <param name="costs">Exact dollars by day, at least of the last seven and the running one.</param>
    /// <param name="since">When the organization began.</param>
    public static Forecast Of(decimal accrued, IReadOnlyDictionary<DateOnly, decimal> costs, DateTimeOffset since, DateTimeOffset now)
    {
        var today = DateOnly.FromDateTime(now.UtcDateTime);
        var began = DateOnly.FromDateTime(since.UtcDateTime);
        foreach (var day in costs.Keys) if (day < began) began = day;
        var full = Math.Clamp(today.DayNumber - began.DayNumber, 0, MostDays);
        var mean = full == 0 ? 0 : Enumerable.Range(1, full).Sum(back => costs.GetValueOrDefault(today.AddDays(-back))) / full;
        var left = DateOnly.FromDateTime(Period.CalendarMonth(now).End.UtcDateTime).DayNumber - today.DayNumber - 1;
        return new Forecast(accrued, mean, left, accrued + Math.Max(0, mean - costs.GetValueOrDefault(today)) + (mean * left), full);
    }
}
