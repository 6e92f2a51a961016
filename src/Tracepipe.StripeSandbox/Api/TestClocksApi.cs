using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Test clocks.</summary>
internal static class TestClocksApi
{
    public static void AddTo(Dictionary<string, Operation> table)
    {
        table.Add("POST /v1/test_helpers/test_clocks", call => call.Show(Clocks.Make(call.Work, call.Params.Long("frozen_time")!.Value, call.Params.Text("name"))), "frozen_time name");
        table.Add("GET /v1/test_helpers/test_clocks", call => call.List(call.Work.All(Clocks.Kind)), "limit starting_after ending_before");
        table.Add("GET /v1/test_helpers/test_clocks/{test_clock}", call => call.Show(Find(call)));
        table.Add("DELETE /v1/test_helpers/test_clocks/{test_clock}", call =>
        {
            Clocks.Delete(call.Work, Find(call));
            return Call.Tombstone(call.Id, Clocks.Kind);
        });
        table.Add("POST /v1/test_helpers/test_clocks/{test_clock}/advance", call =>
        {
            var clock = Find(call);
            Clocks.Advance(call.Work, clock, call.Params.Long("frozen_time")!.Value);
            return call.Show(clock);
        }, "frozen_time");
    }

    private static Doc Find(Call call) => call.Work.Get(Clocks.Kind, call.Id, "test_clock");
}
