namespace Tracepipe.Storefront.Billing;

/// <summary>Named places between two steps that must survive being cut apart. Nothing happens there, unless a test stops the work at one of them.</summary>
internal sealed class FaultPoints
{
    /// <summary>Set by tests only.</summary>
    public Func<string, CancellationToken, Task>? Reached { get; set; }

    public Task ReachAsync(string place, CancellationToken cancel) => Reached?.Invoke(place, cancel) ?? Task.CompletedTask;
}
