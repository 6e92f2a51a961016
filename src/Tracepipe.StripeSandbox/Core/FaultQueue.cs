namespace Tracepipe.StripeSandbox.Core;

/// <summary>What goes wrong with one call; the kinds are explained where they are ordered.</summary>
internal sealed record Fault(string Kind, bool? ShouldRetry, TimeSpan Delay);

/// <param name="Path">The operation's path as the description writes it; null hits every path.</param>
internal sealed record OrderedFault(Fault Fault, string Method, string? Path, int Count, int Percent);

/// <summary>The faults that wait for their call. They live in memory: a restart is a fault of its own.</summary>
internal sealed class FaultQueue(Chaos chance)
{
    private readonly Lock _lock = new();
    private readonly List<OrderedFault> _orders = [];

    public IReadOnlyList<OrderedFault> All
    {
        get { lock (_lock) return [.. _orders]; }
    }

    public void Add(OrderedFault order)
    {
        lock (_lock) _orders.Add(order);
    }

    public void Clear()
    {
        lock (_lock) _orders.Clear();
    }

    public Fault? Next(string method, string template)
    {
        lock (_lock)
        {
            for (var i = 0; i < _orders.Count; i++)
            {
                var order = _orders[i];
                if (order.Method != method && order.Method != "*") continue;
                if (order.Path is { } path && path != template) continue;
                if (!chance.Happens(order.Percent)) continue;
                if (order.Count == 1) _orders.RemoveAt(i);
                else _orders[i] = order with { Count = order.Count - 1 };
                return order.Fault;
            }
            return null;
        }
    }
}
