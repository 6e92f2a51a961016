using Tracepipe.Simulation;

namespace Tracepipe.Tests.Simulation;

/// <summary>Catches: rules that cannot tell right money from wrong. A comparison is worth what it finds.</summary>
public sealed class RulesTests
{
    private static readonly DateTimeOffset Begin = new(2027, 1, 20, 12, 0, 0, TimeSpan.Zero);

    public static TheoryData<Defect> Planted => [.. Enum.GetValues<Defect>().Where(d => d is not Defect.None)];

    [Theory]
    [MemberData(nameof(Planted))]
    public void A_planted_mistake_is_found_within_200_histories(Defect planted) =>
        Assert.Contains(Enumerable.Range(0, 200), seed => FirstDifference(seed, planted) is not null);

    // Made once: making them takes longer than living through them.
    private static readonly IReadOnlyList<Lazy<IReadOnlyList<Step>>> Lives = [.. Enumerable.Range(0, 200).Select(seed => new Lazy<IReadOnlyList<Step>>(() => Histories.Of(seed, HistoryTests.Length)))];

    [Fact]
    public void At_least_ten_mistakes_are_planted() => Assert.True(Planted.Count >= 10);

    [Fact]
    public void Without_a_mistake_nothing_is_broken_and_a_seed_is_one_history()
    {
        for (var seed = 0; seed < Lives.Count; seed++)
        {
            Assert.Null(FirstDifference(seed, Defect.None));
            var (world, now) = (new World(), Begin);
            foreach (var step in Histories.Of(seed, HistoryTests.Length)) world.Take(step, now = World.After(step, now));
            Assert.True(world.Broken.Count == 0, $"seed {seed}: {string.Join(", ", world.Broken)}");
        }
    }

    [Fact]
    public void The_rules_know_nothing_of_the_product() =>
        Assert.DoesNotContain(typeof(World).Assembly.GetReferencedAssemblies(), a => a.Name!.StartsWith("Tracepipe", StringComparison.OrdinalIgnoreCase));

    private static string? FirstDifference(int seed, Defect planted)
    {
        var (right, wrong, now) = (new World(), new World(planted), Begin);
        foreach (var step in Lives[seed].Value)
        {
            now = World.After(step, now);
            var (one, other) = (right.Take(step, now), wrong.Take(step, now));
            if (one != other) return $"{step}: {one}, {other}";
            for (var who = 0; who < 2; who++)
                if (right.Describe(who) != wrong.Describe(who)) return $"{step}";
        }
        return wrong.Broken.Count > right.Broken.Count ? wrong.Broken[0] : null;
    }
}
