using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Tracepipe.Benchmarks;

/// <summary>Hears how long each request took and what it asked the database.</summary>
internal sealed class PageWatch : IDisposable
{
    private readonly ConcurrentQueue<double> times = new();
    private readonly ConcurrentDictionary<ActivityTraceId, int> trips = new();
    private readonly MeterListener meters = new();
    private readonly ActivityListener activities;

    public PageWatch()
    {
        meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument is { Name: "http.server.request.duration", Meter.Name: "Microsoft.AspNetCore.Hosting" }) listener.EnableMeasurementEvents(instrument);
        };
        meters.SetMeasurementEventCallback<double>((_, seconds, _, _) => times.Enqueue(seconds * 1000));
        meters.Start();
        activities = new ActivityListener
        {
            ShouldListenTo = source => source.Name is "Npgsql" or "Microsoft.AspNetCore",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (activity.Source.Name == "Microsoft.AspNetCore") trips.TryAdd(activity.TraceId, 0);
                else trips.AddOrUpdate(activity.TraceId, 1, (_, count) => count + 1);
            },
        };
        ActivitySource.AddActivityListener(activities);
    }

    public void Clear()
    {
        times.Clear();
        trips.Clear();
    }

    /// <summary>Milliseconds, and round trips by request, each ascending.</summary>
    public (IReadOnlyList<double> Times, IReadOnlyList<double> Trips) Seen() => ([.. times.Order()], [.. trips.Values.Select(t => (double)t).Order()]);

    public void Dispose()
    {
        meters.Dispose();
        activities.Dispose();
    }
}
