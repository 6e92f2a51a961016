using Microsoft.Extensions.Logging;

namespace Tracepipe.Postgres;

/// <summary>What the embedded server tells the operator.</summary>
internal static partial class Log
{
    [LoggerMessage(LogLevel.Information, "PostgreSQL {Version} started in {Milliseconds} ms, its data is in {Folder}")]
    public static partial void Started(this ILogger log, string version, long milliseconds, string folder);

    [LoggerMessage(LogLevel.Information, "Took over the PostgreSQL (process {ProcessId}) of an instance that was killed, its data is in {Folder}")]
    public static partial void Adopted(this ILogger log, int processId, string folder);

    [LoggerMessage(LogLevel.Information, "A PostgreSQL left by an earlier instance (process {ProcessId}) is started anew: {Reason}")]
    public static partial void Replaces(this ILogger log, int processId, string reason);

    [LoggerMessage(LogLevel.Information, "Made a new database cluster in {Folder} in {Milliseconds} ms")]
    public static partial void Initialised(this ILogger log, string folder, long milliseconds);

    [LoggerMessage(LogLevel.Warning, "The account {Account} that runs PostgreSQL cannot get into {DataFolder}, so the database is kept in {Folder}")]
    public static partial void LivesElsewhere(this ILogger log, string account, string dataFolder, string folder);

    [LoggerMessage(LogLevel.Information, "PostgreSQL stopped in {Milliseconds} ms")]
    public static partial void Stopped(this ILogger log, long milliseconds);

    [LoggerMessage(LogLevel.Information, "Waiting for processes of a crashed PostgreSQL to leave")]
    public static partial void WaitsForOrphans(this ILogger log);

    [LoggerMessage(LogLevel.Warning, "PostgreSQL did not stop in time and was cut off; it recovers at its next start")]
    public static partial void StopTookTooLong(this ILogger log);

    [LoggerMessage(LogLevel.Error, "PostgreSQL (process {ProcessId}) still runs; the next start takes it over")]
    public static partial void DidNotStop(this ILogger log, int processId);

    [LoggerMessage(LogLevel.Warning, "The half-made cluster {Folder} could not be removed yet")]
    public static partial void DraftStays(this ILogger log, string folder, Exception reason);
}
