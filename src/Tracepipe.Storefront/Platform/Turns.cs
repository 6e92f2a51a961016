using Npgsql;

namespace Tracepipe.Storefront.Platform;

/// <summary>The pace of a job that is never done: a turn at every tick, until the program stops.</summary>
internal static class Turns
{
    /// <summary>Takes the turns. One that the database does not take now is told; the next comes at its time.</summary>
    /// <param name="waits">Hears why a turn came to nothing.</param>
    public static async Task TakeAsync(TimeSpan every, TimeProvider clock, Func<CancellationToken, Task> turn, Action<string> waits, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(every, clock);
        while (await timer.WaitForNextTickAsync(stop))
        {
            try
            {
                await turn(stop);
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
            {
                waits(failure.Message);
            }
        }
    }
}
