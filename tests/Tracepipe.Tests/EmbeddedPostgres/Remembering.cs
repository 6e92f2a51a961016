using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Tracepipe.Tests.Postgres;

/// <summary>A log that keeps its lines for a test to read.</summary>
internal sealed class Remembering : ILogger
{
    public ConcurrentQueue<string> Lines { get; } = [];

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Enqueue(formatter(state, exception));
}
