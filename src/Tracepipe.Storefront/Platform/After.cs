namespace Tracepipe.Storefront.Platform;

/// <summary>
/// Upward needs without upward references: a lower module names a moment, an upper one registers what it does then, in the same transaction.
/// <code>services.AddAfter&lt;OrganizationMade&gt;((moment, transaction, services, cancel) => …)</code>
/// </summary>
/// <typeparam name="TMoment">What happened: a record of the module that raises it.</typeparam>
internal sealed record After<TMoment>(Func<TMoment, Transaction, IServiceProvider, CancellationToken, Task> Do);

internal static class AfterExtensions
{
    public static IServiceCollection AddAfter<TMoment>(this IServiceCollection services, Func<TMoment, Transaction, IServiceProvider, CancellationToken, Task> then) =>
        services.AddSingleton(new After<TMoment>(then));

    /// <summary>Runs everything registered for the moment, in the order of registration, inside the caller's transaction. An exception undoes all of it.</summary>
    public static async Task RaiseAsync<TMoment>(this IServiceProvider services, TMoment moment, Transaction transaction, CancellationToken cancel)
    {
        foreach (var after in services.GetServices<After<TMoment>>()) await after.Do(moment, transaction, services, cancel);
    }
}
