using FsCheck;
using FsCheck.Fluent;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;
using Xunit;

namespace Tracepipe.Tests.Ledger;

/// <summary>Catches: a line that is rounded twice or the wrong way, included use that is charged, storage that is counted by looking instead of by time.</summary>
public sealed class RatingTests
{
    private static readonly PriceList Prices = CatalogReader.Read(File.ReadAllText(Path.Combine(Paths.Project, "catalog.json")));

    private static readonly Period March = Period.CalendarMonth(new DateTimeOffset(2026, 3, 10, 0, 0, 0, TimeSpan.Zero));

    private static RatedLine Tokens(decimal beyond) => Rating.Lines([new PricedUse("tokens", Rating.UnitPrice(Prices, "tokens"), beyond, March.Start)], Prices, March).Single();

    [Fact]
    public void Scenario_27_tokens_beyond_the_included_are_rounded_once_half_to_even()
    {
        var (included, beyond) = Rating.Split(100_000, 0, 1_350_000);
        Assert.Equal((100_000m, 1_250_000m), (included, beyond));
        Assert.Equal(1250, Tokens(beyond).Amount.Minor);
        Assert.Equal(1000, Tokens(1_000_500).Amount.Minor);
        Assert.Equal(1002, Tokens(1_001_500).Amount.Minor);
    }

    [Fact]
    public void Scenario_30_what_was_metered_stays_metered_after_an_upgrade()
    {
        var (_, beyondPro) = Rating.Split(Prices.Tier("pro").Limits.Tokens, 0, 6_000_000);
        Assert.Equal((1_000_000m, 1000L), (beyondPro, Tokens(beyondPro).Amount.Minor));
        var (left, beyondTeam) = Rating.Split(Prices.Tier("team").Limits.Tokens, 6_000_000, 20_000_000);
        Assert.Equal((19_000_000m, 1_000_000m), (left, beyondTeam));
        Assert.Equal((5m, 0m), Rating.Split(-1, 1e15m, 5));
    }

    [Fact]
    public void Scenario_26_storage_above_the_level_accrues_by_time()
    {
        var start = March.Start;
        var level = new StorageLevel(5_000_000_000, 2_000_000_000, start);
        var (_, shares) = level.Until(start.AddHours(240));
        Assert.Equal(720m, StorageLevel.GbHours(shares.Sum(s => s.Above)));
        Assert.Equal(1200m, StorageLevel.GbHours(shares.Sum(s => s.Total)));
        Assert.Equal(14, Storage(720m).Amount.Minor);

        var (half, before) = level.Until(start.AddHours(120));
        var (_, after) = (half with { IncludedBytes = 10_000_000_000 }).Until(start.AddHours(240));
        Assert.Equal(360m, StorageLevel.GbHours(before.Sum(s => s.Above) + after.Sum(s => s.Above)));
        Assert.Equal(7, Storage(360m).Amount.Minor);

        static RatedLine Storage(decimal hours) => Rating.Lines([new PricedUse("storage", Rating.UnitPrice(Prices, "storage"), hours, March.Start)], Prices, March).Single();
    }

    // Seen to fail with all places of the quotient: 2,794.49… less 45.000882… with 26 places could not be read back, and the month was never closed.
    [Fact]
    public void A_quantity_of_storage_has_no_more_places_than_can_be_subtracted_and_read_back()
    {
        foreach (var part in (decimal[])[1m, 162_003_177_324_000_000_123m, 1_188_001_370_872_500_000_007m, 9_999_999_999_999_999_999_999_999m])
            Assert.Equal(StorageLevel.GbHours(part), decimal.Round(StorageLevel.GbHours(part), 18));
    }

    [Fact]
    public void Scenario_29_a_small_month_is_carried_with_the_amount_it_was_rounded_to()
    {
        var april = Period.CalendarMonth(March.End);
        var first = Rating.Close([Tokens(37_000)], [], Prices);
        Assert.Equal((37L, false), (first.Total.Minor, first.IsCharged));
        var second = Rating.Close([Tokens(40_000) with { Period = april }], first.Lines, Prices);
        Assert.Equal((77L, true), (second.Total.Minor, second.IsCharged));
        Assert.Contains("carried from March 2026", second.Lines[0].Description, StringComparison.Ordinal);
        var third = Rating.Close([], Rating.Close([Tokens(1_000)], first.Lines, Prices).Lines, Prices);
        Assert.All(third.Lines, l => Assert.Equal(1, l.Description.Split("carried").Length - 1)); // carried twice, said once
    }

    [Fact]
    public void Use_of_another_month_is_not_on_the_line()
    {
        PricedUse[] uses = [new("workflow", 10m, 1, March.Start.AddTicks(-1)), new("workflow", 10m, 2, March.Start), new("workflow", 10m, 4, March.End.AddTicks(-1)), new("workflow", 10m, 8, March.End), new("examples", 0m, 5, March.Start)];
        var line = Assert.Single(Rating.Lines(uses, Prices, March));
        Assert.Equal((6m, 6000L, "Workflows, March 2026"), (line.Quantity, line.Amount.Minor, line.Description));
    }

    [Fact]
    public void However_use_is_cut_into_pieces_the_lines_are_the_same()
    {
        var pieces = Gen.ListOf(from meter in Gen.Elements("workflow", "tokens", "storage") from price in Gen.Choose(1, 3) from thousandths in Gen.Choose(1, 5_000_000) select (meter, price, thousandths));
        Prop.ForAll(Arb.From(pieces), list =>
        {
            var uses = list.Select(p => new PricedUse(p.meter, p.price / 1000m, p.thousandths / 1000m, March.Start.AddHours(p.thousandths % 700))).ToList();
            var halves = uses.SelectMany(u => new[] { u with { Quantity = u.Quantity / 4 }, u with { Quantity = u.Quantity * 3 / 4 } }).Reverse();
            var lines = Rating.Lines(uses, Prices, March);
            Assert.Equal(lines, Rating.Lines(halves, Prices, March));
            foreach (var line in lines)
            {
                var exact = uses.Where(u => u.Meter == line.Meter && u.UnitPrice == line.UnitPrice).Sum(u => u.Quantity * u.UnitPrice);
                Assert.InRange(Math.Abs(line.Amount.Amount - exact), 0m, 0.005m);
                Assert.InRange(line.Amount.Minor - Rating.WholeCents(line.Quantity, line.UnitPrice), 0, 1);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));
    }

    [Fact]
    public void However_use_comes_in_the_same_is_included()
    {
        var parts = Gen.ListOf(Gen.Choose(1, 40_000));
        Prop.ForAll(Arb.From(parts), list =>
        {
            decimal used = 0, beyond = 0;
            foreach (var part in list)
            {
                var split = Rating.Split(100_000, used, part);
                Assert.Equal(part, split.Included + split.Beyond);
                (used, beyond) = (used + part, beyond + split.Beyond);
            }
            Assert.Equal(Math.Max(0, used - 100_000), beyond);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));
    }

    [Fact]
    public void However_often_storage_is_looked_at_the_integral_is_the_same()
    {
        var looks = from bytes in Gen.Choose(0, int.MaxValue) from included in Gen.Choose(-1, int.MaxValue) from minutes in Gen.ListOf(Gen.Choose(0, 90_000)) select (bytes, included, minutes);
        Prop.ForAll(Arb.From(looks), look =>
        {
            var level = new StorageLevel(look.bytes * 7L, look.included, March.Start.AddTicks(1230));
            var end = March.Start.AddMinutes(90_001);
            var once = level.Until(end).Shares;
            var often = new List<StorageShare>();
            foreach (var at in look.minutes.Order().Select(m => March.Start.AddMinutes(m)).Append(end))
            {
                (level, var shares) = level.Until(at);
                often.AddRange(shares);
            }
            var months = often.GroupBy(s => s.Month).Select(g => new StorageShare(g.Key, g.Sum(s => s.Total), g.Sum(s => s.Above), g.First().From, g.Last().To));
            Assert.Equal(once, months);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));
    }
}
