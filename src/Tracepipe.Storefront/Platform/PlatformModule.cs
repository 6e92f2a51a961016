using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.Options;

namespace Tracepipe.Storefront.Platform;

/// <summary>
/// What every module stands on. Owns: database doors and migrations, money, mail, problems, strict JSON, health, the streams of open pages. Does not own: any table of people,
/// organizations or money.
/// </summary>
internal static class PlatformModule
{
    public static WebApplicationBuilder AddPlatform(this WebApplicationBuilder builder)
    {
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10); // slow headers are cut
            kestrel.Limits.MaxRequestHeadersTotalSize = 64 * 1024; // a webhook with hundreds of signatures gets our own refusal
            kestrel.Limits.MaxRequestBufferSize = 192 * 1024; // of a body that nobody has come to read yet: many large ones at once take no room from other requests
            kestrel.Limits.MaxRequestBodySize = 1024 * 1024; // uploads and ingest raise it for themselves
        });
        var services = builder.Services;
        services.AddSingleton<IMemoryPoolFactory<byte>, LargeBlocks>();
        services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(3));
        services.AddSingleton(s => new Database(s.GetRequiredService<IConfiguration>()["Database:ConnectionString"]!));
        services.AddSingleton(s => HealthEndpoints.Api(s.GetRequiredService<Database>()));
        services.AddOptions<SmtpOptions>().BindConfiguration("Smtp").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<Outbox>();
        services.AddHostedService<MailSender>();
        services.AddDataProtection().SetApplicationName("Tracepipe");
        services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(s => new ConfigureOptions<KeyManagementOptions>(o =>
            o.XmlRepository = new DatabaseKeyRing(s.GetRequiredService<Database>(), s.GetRequiredService<TimeProvider>())));
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        services.ConfigureHttpJsonOptions(json => Strict(json.SerializerOptions));
        services.AddHttpContextAccessor();
        services.AddHostedService<Telemetry>();
        services.AddSingleton<PublicAddress>();
        services.AddSingleton<LiveHub>();
        services.AddSingleton<LiveStream>();
        services.AddHostedService<LiveEars>();
        services.AddSingleton<Idempotency>();
        services.AddHostedService<IdempotencySweep>();
        return builder;
    }

    public static WebApplication MapPlatform(this WebApplication app)
    {
        app.UseEdge();
        app.UseMiddleware<ProblemMiddleware>();
        app.UseRouting(); // named here, so that the door of the API, which needs a route, can stand before log-in and pages
        app.MapHealth();
        return app;
    }

    /// <summary>Unknown members, duplicate names, missing members, "1" for a number and deep nesting are errors.</summary>
    internal static void Strict(JsonSerializerOptions json)
    {
        json.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        json.DictionaryKeyPolicy = null;
        json.PropertyNameCaseInsensitive = false;
        json.NumberHandling = JsonNumberHandling.Strict;
        json.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        json.RespectNullableAnnotations = true;
        json.RespectRequiredConstructorParameters = true;
        json.AllowDuplicateProperties = false;
        json.MaxDepth = 32;
        json.Converters.Add(new InstantConverter());
        json.Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping; // answers are application/json with nosniff
    }
}
