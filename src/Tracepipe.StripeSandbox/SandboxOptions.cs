using System.Diagnostics.CodeAnalysis;

namespace Tracepipe.StripeSandbox;

/// <summary>How a billing sandbox is run. The defaults are those of a developer's machine.</summary>
public sealed class SandboxOptions
{
    /// <summary>Where it listens. Port 0 takes a free one; <see cref="SandboxServer.Url"/> tells which.</summary>
    [SuppressMessage("Design", "CA1056", Justification = "A list of listening addresses as ASP.NET Core spells it, not a URI.")]
    public string Urls { get; set; } = "http://127.0.0.1:0";

    /// <summary>The address that hosted pages and links carry; null takes the first listening address.</summary>
    public Uri? PublicUrl { get; set; }

    /// <summary>Folder of the journal that survives a kill; null keeps everything in memory.</summary>
    public string? JournalFolder { get; set; }

    /// <summary>Lets the server API (secret key) take raw test card numbers. The browser endpoints always do.</summary>
    public bool AllowRawCards { get; set; }

    /// <summary>Holds every answer against the published description; a violation is a 500 that names the member.</summary>
    public bool StrictResponses { get; set; }

    /// <summary>The account that exists from the start; any other <c>sk_test_…</c> makes its own on first use.</summary>
    public string? ApiKey { get; set; }

    /// <summary>A webhook endpoint of that account that exists from the start.</summary>
    public Uri? WebhookUrl { get; set; }

    /// <summary>The signing secret (<c>whsec_…</c>) of that endpoint.</summary>
    public string? WebhookSecret { get; set; }

    /// <summary>Makes ids repeatable from run to run. Null, the default, makes them unguessable.</summary>
    public int? IdSeed { get; set; }

    public WebhookOptions Webhooks { get; set; } = new();

    public ChaosOptions Chaos { get; set; } = new();

    public BillingOptions Billing { get; set; } = new();
}

/// <summary>How events are delivered. Times are compressed; <see cref="Realistic"/> has the real ones.</summary>
public sealed class WebhookOptions
{
    /// <summary>Pauses before the second, third, … attempt.</summary>
    public IReadOnlyList<TimeSpan> RetrySchedule { get; set; } = [TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(5)];

    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Pause between an event and its first attempt.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>Deliveries of one account that are under way at once. One keeps the order of events.</summary>
    public int Concurrency { get; set; } = 4;

    public static IReadOnlyList<TimeSpan> Realistic { get; } = [TimeSpan.FromMinutes(5), TimeSpan.FromHours(1), TimeSpan.FromHours(3)];
}

/// <summary>What may go wrong between an event and its receiver. Off by default; repeatable by its seed.</summary>
public sealed class ChaosOptions
{
    public int Seed { get; set; } = 1;

    /// <summary>Events are handed out in random order within windows of this many. 0 or 1 keeps the order.</summary>
    public int ShuffleWindow { get; set; }

    /// <summary>Share of deliveries that are made twice, in percent.</summary>
    public int DuplicatePercent { get; set; }

    /// <summary>Share of changes that are told as two events with different ids, in percent.</summary>
    public int TwinPercent { get; set; }

    /// <summary>The first attempt of each delivery is lost on the way.</summary>
    public bool DropFirst { get; set; }

    /// <summary>Each first attempt waits a random time up to this.</summary>
    public TimeSpan MaximumDelay { get; set; }
}

/// <summary>What the account's owner would set on a dashboard: dunning, portal and usage lag.</summary>
public sealed class BillingOptions
{
    /// <summary>Days after the first failed payment of a renewal at which it is tried again.</summary>
    public IReadOnlyList<int> RetryDays { get; set; } = [1, 3, 5, 8];

    /// <summary>What becomes of a subscription after the last retry: <c>cancel</c>, <c>unpaid</c> or <c>past_due</c>.</summary>
    public string AfterRetries { get; set; } = "unpaid";

    /// <summary>The portal's "cancel at period end" sets <c>cancel_at</c>; otherwise the boolean.</summary>
    public bool PortalCancelsByDate { get; set; } = true;

    /// <summary>Time until reported usage shows in summaries and previews.</summary>
    public TimeSpan UsageLag { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Real time that a test clock takes to advance.</summary>
    public TimeSpan ClockAdvance { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>The webhooks of a finished checkout start a random time up to this after the redirect.</summary>
    public TimeSpan CheckoutWebhookDelay { get; set; } = TimeSpan.FromMilliseconds(1500);
}
