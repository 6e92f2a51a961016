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

    public static IReadOnlyList<CodeSample> Upload(string address) =>
    [
        new("curl", $$"""
            cat > checkout.jsonl <<'END'
            {"type":"click","time":0,"x":412,"y":300}
            {"type":"keydown","time":910,"key":"S","code":"KeyS"}
            END
            curl {{address}}/v1/sessions \
              -H "X-API-Key: $TRACEPIPE_API_KEY" \
              -F suite_id=checkout \
              -F description="Pays with a saved card" \
              -F trace=@checkout.jsonl
            """),
        new("Python", $$"""
            import os, requests

            events = (
                '{"type":"click","time":0,"x":412,"y":300}\n'
                '{"type":"keydown","time":910,"key":"S","code":"KeyS"}\n'
            )
            session = requests.post(
                "{{address}}/v1/sessions",
                headers={"X-API-Key": os.environ["TRACEPIPE_API_KEY"]},
                data={"suite_id": "checkout", "description": "Pays with a saved card"},
                files={"trace": ("checkout.jsonl", events)},
                timeout=60,
            )
            session.raise_for_status()
            print(session.json())
            """),
        new("JavaScript", $$"""
            const events = [
              { type: "click", time: 0, x: 412, y: 300 },
              { type: "keydown", time: 910, key: "S", code: "KeyS" },
            ];
            const form = new FormData();
            form.append("suite_id", "checkout");
            form.append("description", "Pays with a saved card");
            const lines = events.map((e) => JSON.stringify(e)).join("\n");
            form.append("trace", new Blob([lines]), "checkout.jsonl");
            const session = await fetch("{{address}}/v1/sessions", {
              method: "POST",
              headers: { "X-API-Key": process.env.TRACEPIPE_API_KEY },
              body: form,
            });
            if (!session.ok) throw new Error(await session.text());
            console.log(await session.json());
            """),
        new("C#", $$"""
            using var http = new HttpClient { BaseAddress = new("{{address}}") };
            http.DefaultRequestHeaders.Add("X-API-Key",
                Environment.GetEnvironmentVariable("TRACEPIPE_API_KEY"));
            using var form = new MultipartFormDataContent
            {
                { new StringContent("checkout"), "suite_id" },
                { new StringContent("Pays with a saved card"), "description" },
                { new StringContent(
                    "{\"type\":\"click\",\"time\":0,\"x\":412,\"y\":300}\n" +
                    "{\"type\":\"keydown\",\"time\":910,\"key\":\"S\"}\n"),
                  "trace", "checkout.jsonl" },
            };
            using var session = await http.PostAsync("/v1/sessions", form);
            Console.WriteLine(await session.EnsureSuccessStatusCode()
                .Content.ReadAsStringAsync());
            """),
    ];

    public const string UploadAnswer = """
        {
          "id": "019aa5f4-1b7e-7d03-b1c4-52a8f0e6d917",
          "suite_id": "checkout",
          "description": "Pays with a saved card",
          "file_name": "checkout.jsonl",
          "bytes": 97,
          "sha256": "2f9d6b0f3a3c1c1f6d2b4e8a7c5d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f809",
          "format": "input_lines",
          "truncated": false,
          "events": 2,
          "duration_ms": 910,
          "duplicate_of": null,
          "created_at": "2026-11-21T12:04:05.117Z",
          "keep_until": null
        }
        """;

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
