using System.Globalization;
using Tracepipe.Benchmarks;

// What is measured. Each prints a table of its own; figures of one run are compared with figures of the same run only.
var benchmarks = new Dictionary<string, Func<int?, Task>>(StringComparer.Ordinal)
{
    ["start"] = _ => StartBenchmark.RunAsync(), // from the start of the program to its first page; memory when idle
    ["pages"] = _ => PageBenchmark.RunAsync(), // time of the server and round trips of pages
    ["keys"] = _ => KeyBenchmark.RunAsync(), // GET /v1/users/me with a key against a bare endpoint that answers the same
    ["ingest"] = _ => IngestBenchmark.RunAsync(), // POST /v1/events against the same writes as plain SQL
    ["holds"] = _ => HoldBenchmark.RunAsync(), // a hold and its commit beside ingest
    ["close"] = some => CloseBenchmark.RunAsync(some ?? 10_000), // the close of a month of 10,000 organizations
    ["usage"] = some => UsageBenchmark.RunAsync(some ?? 10_000_000), // pages of an organization with many events and with few
    ["uploads"] = _ => UploadBenchmark.RunAsync(), // 50 uploads at once and what other requests notice of them
    ["traces"] = _ => TraceBenchmark.RunAsync(), // taking a 1 GB trace in against a bare pass of the JSON reader, and other languages' parsers
};

// The benchmarks' own other programs.
if (args is ["uploads", var role, var address, var key])
{
    await UploadBenchmark.ServeAsync(role, address, key);
    return 0;
}
if (args is ["holds", var product, var service, var organizations])
{
    await HoldBenchmark.ServeAsync(product, service, organizations);
    return 0;
}
if (args is not [var name, ..] || args.Length > 2 || !benchmarks.TryGetValue(name, out var run) || (args.Length == 2 && !int.TryParse(args[1], out _)))
{
    await Console.Error.WriteLineAsync($"Name one of: {string.Join(", ", benchmarks.Keys)}. A number behind close (organizations) or usage (events) makes them shorter.");
    return 1;
}
using var group = SchedulingGroup.Enter();
try
{
    await run(args.Length == 2 ? int.Parse(args[1], CultureInfo.InvariantCulture) : null);
    return 0;
}
catch (BenchmarkException failure)
{
    await Console.Error.WriteLineAsync(failure.Message);
    return 1;
}
