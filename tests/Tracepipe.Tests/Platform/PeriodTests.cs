using FsCheck;
using FsCheck.Fluent;
using Tracepipe.Storefront.Platform;
using Xunit;

namespace Tracepipe.Tests.Platform;

/// <summary>Catches: a month end, leap day or boundary instant that is billed twice or not at all.</summary>
public sealed class PeriodTests
{
    private static DateTimeOffset Utc(int year, int month, int day, int hour = 0, int minute = 0, int second = 0, int milli = 0) => new(year, month, day, hour, minute, second, milli, TimeSpan.Zero);

    [Fact]
    public void A_calendar_month_ends_where_the_next_begins()
    {
        var march = Period.CalendarMonth(Utc(2027, 3, 31, 23, 59, 59, 999));
        Assert.Equal((Utc(2027, 3, 1), Utc(2027, 4, 1)), (march.Start, march.End));
        Assert.False(march.Contains(Utc(2027, 4, 1)));
        Assert.Equal(Utc(2027, 5, 1), Period.CalendarMonth(Utc(2027, 4, 1)).End);
    }

    [Theory]
    [InlineData(2026, 1, 31, new[] { "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31" })]
    [InlineData(2027, 12, 31, new[] { "2028-01-31", "2028-02-29", "2028-03-31" })]
    [InlineData(2026, 8, 30, new[] { "2026-09-30", "2026-10-30", "2026-11-30", "2026-12-30", "2027-01-30", "2027-02-28", "2027-03-30" })]
    public void An_anchor_on_a_late_day_is_clamped_and_comes_back(int year, int month, int day, string[] starts)
    {
        var anchor = Utc(year, month, day, 10, 30);
        var at = anchor;
        foreach (var expected in starts)
        {
            at = Period.Monthly(anchor, at).End;
            Assert.Equal(expected, at.ToString("yyyy-MM-dd"));
            Assert.Equal(new TimeSpan(10, 30, 0), at.TimeOfDay);
        }
    }

    [Fact]
    public void Monthly_periods_touch_and_never_overlap_whatever_the_anchor()
    {
        var moments = from day in Gen.Choose(0, 365 * 25) from second in Gen.Choose(0, 86_399) select Utc(2024, 1, 1).AddDays(day).AddSeconds(second);
        var cases = from anchor in moments from months in Gen.Choose(0, 300) from seconds in Gen.Choose(0, 3_000_000) select (anchor, at: anchor.AddMonths(months).AddSeconds(seconds));
        Prop.ForAll(Arb.From(cases), c =>
        {
            var period = Period.Monthly(c.anchor, c.at);
            Assert.True(period.Contains(c.at));
            Assert.Equal(period.End, Period.Monthly(c.anchor, period.End).Start);
            Assert.Equal(period, Period.Monthly(c.anchor, period.End.AddTicks(-1)));
            Assert.Equal(period, Period.Monthly(c.anchor, period.Start));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5000));
    }
}
