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

    /// <summary>Does something for each. Where one fails it is told, and a later turn takes it up again: the others go on. Only what stops them all ends the turn: the program's end, a database that is away.</summary>
    /// <param name="one">Says whether it came to something.</param>
    /// <param name="failed">Hears of each failure.</param>
    /// <returns>How many came to something.</returns>
    public static async Task<int> EachAsync<T>(IEnumerable<T> all, Func<T, Task<bool>> one, Action<Exception, T> failed)
    {
        var done = 0;
        foreach (var item in all)
        {
            try
            {
                if (await one(item)) done++;
            }
            catch (Exception failure) when (IsOfOne(failure))
            {
                failed(failure, item);
            }
        }
        return done;
    }

    /// <summary>The same where it always comes to something.</summary>
    /// <returns>For how many it was done.</returns>
    public static Task<int> EachAsync<T>(IEnumerable<T> all, Func<T, Task> one, Action<Exception, T> failed) => EachAsync(all, async item =>
    {
        await one(item);
        return true;
    }, failed);

    /// <summary>Whether a failure is about the thing alone that was worked on: an answer of the database to it, not the database's absence.</summary>
    public static bool IsOfOne(Exception failure) => failure switch
    {
        OperationCanceledException => false,
        PostgresException answer => !answer.IsTransient || answer.SqlState is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.LockNotAvailable,
        NpgsqlException => false,
        _ => true,
    };
}
