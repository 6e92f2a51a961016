using Tracepipe.Benchmarks;

// What is measured. Each prints a table of its own; figures of one run are compared with figures of the same run only.
var benchmarks = new Dictionary<string, Func<Task>>(StringComparer.Ordinal)
{
    ["start"] = StartBenchmark.RunAsync, // from the start of the program to its first page; memory when idle
    ["pages"] = PageBenchmark.RunAsync, // time of the server and round trips of pages
    ["keys"] = KeyBenchmark.RunAsync, // GET /v1/users/me with a key against a bare endpoint that answers the same
    ["ingest"] = IngestBenchmark.RunAsync, // POST /v1/events against the same writes as plain SQL
    ["holds"] = HoldBenchmark.RunAsync, // a hold and its commit beside ingest
    ["close"] = CloseBenchmark.RunAsync, // the close of a month of 10,000 organizations
    ["usage"] = UsageBenchmark.RunAsync, // pages of an organization with many events and with few
    ["uploads"] = UploadBenchmark.RunAsync, // 50 uploads at once and what other requests notice of them
    ["traces"] = TraceBenchmark.RunAsync, // taking a 1 GB trace in against a bare pass of the JSON reader, and other languages' parsers
};

if (args is not [var name] || !benchmarks.TryGetValue(name, out var run))
{
    await Console.Error.WriteLineAsync($"Name one of: {string.Join(", ", benchmarks.Keys)}.");
    return 1;
}
try
{
    await run();
    return 0;
}
catch (BenchmarkException failure)
{
    await Console.Error.WriteLineAsync(failure.Message);
    return 1;
}
