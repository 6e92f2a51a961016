using FsCheck;
using FsCheck.Fluent;
using Tracepipe.Storefront.Platform;
using Xunit;

namespace Tracepipe.Tests.Platform;

/// <summary>Catches: a cent made or lost by rounding, overflow or the mixing of currencies.</summary>
public sealed class MoneyTests
{
    [Theory]
    [InlineData("10.005", 1000)]
    [InlineData("10.015", 1002)]
    [InlineData("0.144", 14)]
    [InlineData("0.072", 7)]
    [InlineData("-10.005", -1000)]
    public void Rounding_is_half_to_even(string exact, long cents) => Assert.Equal(cents, Money.Round(decimal.Parse(exact)).Minor);

    [Theory]
    [InlineData("19.99", true, 1999)]
    [InlineData("19.999", false, 0)]
    [InlineData("0.50", true, 50)]
    [InlineData("-1", true, -100)]
    public void More_than_two_decimals_are_refused_not_rounded(string typed, bool isExact, long cents)
    {
        Assert.Equal(isExact, Money.TryExact(decimal.Parse(typed), out var money));
        Assert.Equal(cents, money.Minor);
    }

    [Theory]
    [InlineData(128450, "$1,284.50")]
    [InlineData(-2000, "−$20.00")]
    [InlineData(0, "$0.00")]
    [InlineData(5, "$0.05")]
    public void People_read_it_with_sign_separators_and_two_decimals(long cents, string text) => Assert.Equal(text, Money.Usd(cents).ToString());

    [Fact]
    public void Sums_overflow_loudly_and_currencies_do_not_mix()
    {
        Assert.Throws<OverflowException>(() => Money.Usd(long.MaxValue) + Money.Usd(1));
        Assert.Throws<InvalidOperationException>(() => Money.Usd(1) + new Money(1, "EUR"));
        Assert.Throws<OverflowException>(() => Money.Round(decimal.MaxValue / 1000));
    }

    [Fact]
    public void What_is_exact_goes_there_and_back() =>
        Prop.ForAll(Arb.From(Gen.Choose(int.MinValue, int.MaxValue).Select(i => (long)i * 1000 + (i % 1000))), cents =>
        {
            Assert.True(Money.TryExact(Money.Usd(cents).Amount, out var back));
            Assert.Equal(cents, back.Minor);
            Assert.Equal(cents, Money.Round(Money.Usd(cents).Amount).Minor);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
}
