using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCaseOrderer(typeof(Tracepipe.Tests.App.TestOrder))]

namespace Tracepipe.Tests.App;

/// <summary>
/// The tests of a class, in the same order on every machine: by name. The runner's own order comes from where the checkout lies, so that a test that needs
/// another one before it fails for some people only. With <c>TRACEPIPE_ORDER=7</c> in the environment they are shuffled, for each number in another way: to
/// look for such tests.
/// </summary>
public sealed class TestOrder : ITestCaseOrderer
{
    public IReadOnlyCollection<TTestCase> OrderTestCases<TTestCase>(IReadOnlyCollection<TTestCase> testCases)
        where TTestCase : notnull, ITestCase
    {
        var ordered = testCases.OrderBy(t => t.TestCaseDisplayName, StringComparer.Ordinal).ToArray();
        if (int.TryParse(Environment.GetEnvironmentVariable("TRACEPIPE_ORDER"), out var seed)) new Random(seed).Shuffle(ordered);
        return ordered;
    }
}
