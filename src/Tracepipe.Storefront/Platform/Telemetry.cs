using System.Diagnostics.Metrics;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Tracepipe.Storefront.Platform;

/// <summary>
/// Metrics and traces of the framework's own meters and sources and of ours, sent by OTLP when <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> is set. Without it
/// nothing is collected.
/// </summary>
internal sealed class Telemetry(IConfiguration configuration) : IHostedService, IDisposable
{
    /// <summary>Our own meter: modules make their counters from it.</summary>
    public static Meter Meter { get; } = new("Tracepipe");

    private TracerProvider? traces;
    private MeterProvider? metrics;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (!string.IsNullOrWhiteSpace(configuration["OTEL_EXPORTER_OTLP_ENDPOINT"])) Begin();
        return Task.CompletedTask;
    }

    // On its own, so that a start without telemetry does not load its libraries.
    private void Begin()
    {
        var resource = ResourceBuilder.CreateDefault().AddService("tracepipe");
        traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource)
            .AddSource("Microsoft.AspNetCore", "System.Net.Http", "Npgsql").AddOtlpExporter().Build();
        metrics = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource)
            .AddMeter("Tracepipe", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Net.Http", "System.Runtime", "Npgsql").AddOtlpExporter().Build();
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        traces?.ForceFlush(2000);
        metrics?.ForceFlush(2000);
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        traces?.Dispose();
        metrics?.Dispose();
    }
}
