using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Site;

/// <summary>Code that a reader can copy and run as it stands; each is tried by a test.</summary>
internal static class Samples
{
    public const string Environment = """
        export TRACEPIPE_API_KEY="tp_live_…"
        """;

    public static IReadOnlyList<CodeSample> FirstCall(string address) =>
    [
        new("curl", $$"""
            curl {{address}}/v1/users/me \
              -H "X-API-Key: $TRACEPIPE_API_KEY"
            """),
        new("Python", $$"""
            import os, requests

            me = requests.get(
                "{{address}}/v1/users/me",
                headers={"X-API-Key": os.environ["TRACEPIPE_API_KEY"]},
                timeout=10,
            )
            me.raise_for_status()
            print(me.json())
            """),
        new("JavaScript", $$"""
            const me = await fetch("{{address}}/v1/users/me", {
              headers: { "X-API-Key": process.env.TRACEPIPE_API_KEY },
            });
            if (!me.ok) throw new Error(await me.text());
            console.log(await me.json());
            """),
        new("C#", $$"""
            using var http = new HttpClient { BaseAddress = new("{{address}}") };
            http.DefaultRequestHeaders.Add("X-API-Key",
                Environment.GetEnvironmentVariable("TRACEPIPE_API_KEY"));
            Console.WriteLine(await http.GetStringAsync("/v1/users/me"));
            """),
    ];

    public const string FirstAnswer = """
        {
          "id": "019aa5f0-6c3e-7b1a-9d52-3f1c7a9e2b40",
          "display_name": "Maya Okafor",
          "organization": {
            "id": "019aa5f0-6c41-7c08-8a77-1b6e4d2f9c05",
            "slug": "fernhill-labs",
            "name": "Fernhill Labs"
          }
        }
        """;
}
