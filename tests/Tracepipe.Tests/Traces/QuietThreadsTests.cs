using System.Collections.Concurrent;
using Tracepipe.Storefront.Traces;

namespace Tracepipe.Tests.Traces;

/// <summary>Catches: many uploads that keep every processor from other requests; threads that never come back from their rest.</summary>
public sealed class QuietThreadsTests
{
    // Seen to fail when nobody rested.
    [Fact]
    public async Task While_half_of_them_rest_no_more_than_the_other_half_works()
    {
        using var threads = new QuietThreads();
        threads.RestHalf(true);
        var ran = new ConcurrentBag<int>();
        await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => threads.RunAsync(() =>
        {
            ran.Add(Environment.CurrentManagedThreadId);
            Thread.SpinWait(20_000);
        })));
        // Who was waiting for work when the rest began does one more thing first.
        Assert.True(ran.CountBy(id => id).Count(thread => thread.Value > 1) <= Math.Max(1, threads.MaximumConcurrencyLevel / 2));
    }

    // Seen to fail when the rest did not end.
    [Fact]
    public async Task After_it_all_of_them_work()
    {
        using var threads = new QuietThreads();
        threads.RestHalf(true);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => threads.RunAsync(() => Thread.SpinWait(1000))));
        threads.RestHalf(false);
        using var meeting = new Barrier(threads.MaximumConcurrencyLevel);
        var met = await Task.WhenAll(Enumerable.Range(0, threads.MaximumConcurrencyLevel).Select(_ => threads.RunAsync(() => meeting.SignalAndWait(TimeSpan.FromSeconds(30)))));
        Assert.All(met, Assert.True);
    }
}
