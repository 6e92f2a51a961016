using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Tracepipe.Storefront.Accounts.Registration;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Traces;
using Tracepipe.Storefront.Traces.Storage;

namespace Tracepipe.Storefront.Demo;

/// <summary>The person of the demo and the programs that work for him: what each does, by the product's own verbs.</summary>
internal sealed class DemoCustomer
{
    /// <summary>The documentation's network (RFC 5737).</summary>
    private const string Address = "203.0.113.24";

    private readonly StorefrontApp app;
    private readonly DemoClock clock;
    private readonly Caller owner = new();
    private readonly Dictionary<string, NewKey> keys = new(StringComparer.Ordinal);
    private int works;
    private int reports;

    private DemoCustomer(StorefrontApp app, DemoClock clock, Membership member)
    {
        (this.app, this.clock) = (app, clock);
        owner.Is(member);
    }

    private Guid Organization => owner.OrganizationId;

    private Actor Person => Actor.Of(owner);

    /// <summary>Makes the catalogue sellable and the person with his organization; he cannot log in yet.</summary>
    public static async Task<DemoCustomer> RegisterAsync(StorefrontApp app, DemoClock clock, string name, string email, CancellationToken cancel)
    {
        var services = app.Services;
        await services.GetRequiredService<Catalogs>().LoadAsync(cancel);
        await services.GetRequiredService<CatalogueAtStripe>().ApplyAsync(withWebhook: false, cancel);
        await using var transaction = await services.GetRequiredService<Database>().BeginWorkAsync(cancel);
        var person = await services.GetRequiredService<NewPeople>().MakeAsync(name, email, passwordHash: null, transaction, cancel) ?? throw new InvalidOperationException($"{email} has an account.");
        await transaction.CommitAsync(cancel);
        var member = await services.GetRequiredService<Memberships>().OfAsync(person.Id, cancel);
        return new DemoCustomer(app, clock, member[0]);
    }

    /// <summary>Puts a test card on file.</summary>
    public async Task<string> AddCardAsync(string card, bool asDefault, CancellationToken cancel) => Done(await Get<PaymentMethods>().AttachAsync(Organization, card, asDefault, Person, cancel)).Id;

    public async Task RemoveCardAsync(string card, CancellationToken cancel) => None(await Get<PaymentMethods>().RemoveAsync(Organization, card, Person, cancel));

    public async Task SetCapAsync(decimal dollars, CancellationToken cancel) => _ = Done(await Get<SpendCaps>().SetAsync(Organization, Money.Usd((long)(dollars * 100)), Person, cancel));

    public async Task WarnBelowAsync(decimal dollars, CancellationToken cancel) => None(await Get<LowCredits>().SetAsync(Organization, Money.Usd((long)(dollars * 100)), Person, cancel));

    public async Task BuyCreditsAsync(decimal dollars, CancellationToken cancel) =>
        await PayAsync(Done(await Get<Checkouts>().BuyCreditsAsync(Organization, dollars, successUrl: null, cancelUrl: null, Person, cancel)).Url, cancel);

    public async Task SubscribeAsync(string tier, CancellationToken cancel) =>
        await PayAsync(Done(await Get<Checkouts>().SubscribeAsync(Organization, tier, promoCode: null, successUrl: null, cancelUrl: null, Person, cancel)).Url, cancel);

    /// <summary>Somebody at the operator's says thank you.</summary>
    public Task ThankAsync(decimal dollars, string reason, int days, CancellationToken cancel) =>
        Get<CreditGrants>().GrantAsync(Organization, Money.Usd((long)(dollars * 100)), clock.GetUtcNow().AddDays(days), reason, new Actor("operator", null), cancel);

    public async Task CreateKeyAsync(string name, IReadOnlyList<string>? permissions, IReadOnlyList<string>? suites, DateTimeOffset? expires, CancellationToken cancel)
    {
        var (made, refused) = await Get<KeyRing>().CreateAsync(new KeyWish(Id: null, name, expires, permissions, suites), owner, Address, cancel);
        None(refused);
        keys[name] = made!;
    }

    public Task RevokeKeyAsync(string name, CancellationToken cancel) => Get<KeyRing>().RevokeAsync(keys[name].Key.Id, owner, Address, cancel);

    /// <summary>Calls the API so many times.</summary>
    public async Task CallAsync(string key, int requests, CancellationToken cancel)
    {
        var verified = await Get<KeyCache>().FindAsync(ApiKeyFormat.Hash(keys[key].Secret), cancel) ?? throw new InvalidOperationException($"The key {key} does not work.");
        for (var i = 0; i < requests; i++) verified.Use!.Count(clock.GetUtcNow());
        await Get<KeyUseLog>().WriteAsync(cancel);
    }

    /// <summary>A run of the backend: held before, committed after, or released when it failed. Where the spend cap stands in the way the person raises it.</summary>
    public async Task WorkAsync(string key, string suite, bool succeeds, CancellationToken cancel)
    {
        var id = string.Create(CultureInfo.InvariantCulture, $"run-{++works:0000}-{Organization.ToString("N")[^6..]}");
        var wish = new HoldWish(Organization, id, "workflow", 1, Hold.Lasts, keys[key].Key.Id, SHA256.HashData(Encoding.UTF8.GetBytes(id)));
        var held = await Get<Holds>().HoldAsync(wish, cancel);
        if (held.Refusal is { Status: StatusCodes.Status402PaymentRequired })
        {
            await RaiseCapAsync(cancel);
            held = await Get<Holds>().HoldAsync(wish, cancel);
        }
        None(held.Refusal);
        clock.Pass(TimeSpan.FromSeconds(40 + (works % 7 * 25)));
        if (!succeeds)
        {
            None((await Get<Holds>().ReleaseAsync(Organization, id, cancel)).Refusal);
            return;
        }
        var details = JsonSerializer.SerializeToElement(new Dictionary<string, string>(StringComparer.Ordinal) { ["suite_id"] = suite, ["ticket_id"] = string.Create(CultureInfo.InvariantCulture, $"QA-{1200 + works}") });
        None((await Get<Holds>().CommitAsync(Organization, id, new CommitWish(Quantity: null, details), cancel)).Refusal);
    }

    /// <summary>The backend reports tokens of models.</summary>
    public async Task ReportAsync(IReadOnlyList<(DateTimeOffset At, string Model, long Tokens, string Key, string Suite)> uses, CancellationToken cancel)
    {
        var sent = new List<Sent>(uses.Count);
        foreach (var (at, model, tokens, key, suite) in uses)
            sent.Add(new Sent(sent.Count, null, new UsageEvent { OrganizationId = Organization, Time = at, Meter = "tokens", Quantity = tokens, Model = model, KeyId = keys[key].Key.Id, SuiteId = suite, Source = "/labeler", Id = string.Create(CultureInfo.InvariantCulture, $"call-{++reports:00000}") }.Sealed()));
        var answer = await Get<EventRules>().JudgeAsync(sent, cancel);
        if (answer?.Accepted != uses.Count) throw new InvalidOperationException($"{uses.Count - answer?.Accepted} reported uses were not taken: {answer?.Items.FirstOrDefault()?.Message}");
        await Get<UsageSettler>().SettleAsync(Organization, cancel);
    }

    /// <summary>The backend tells what calls of models have cost.</summary>
    public async Task TellCostsAsync(IReadOnlyList<(DateTimeOffset At, string Provider, string Model, long Prompt, long Completion, string Task)> calls, CancellationToken cancel)
    {
        var sent = calls.Select((c, i) => ((CostRecordRequest?)new CostRecordRequest(string.Create(CultureInfo.InvariantCulture, $"cost-{reports:00000}-{i}"), c.Task, c.Provider, c.Model, c.Prompt, c.Completion, Organization, AgentId: "labeler", RecordedAt: c.At), (string?)null)).ToList();
        var answer = await Get<CostRecorder>().RecordAsync(sent, cancel);
        if (answer.Accepted != calls.Count) throw new InvalidOperationException($"A cost was not taken: {answer.Items.FirstOrDefault()?.Message}");
    }

    /// <summary>Uploads a trace.</summary>
    public async Task UploadAsync(string suite, string fileName, string description, byte[] trace, CancellationToken cancel)
    {
        var wish = new TraceWish(suite, description, fileName);
        var refusal = await Get<TraceSessions>().RefusalOfAsync(Organization, wish, allowed: null, trace.Length, cancel);
        if (refusal is { Status: StatusCodes.Status402PaymentRequired }) await RaiseCapAsync(cancel);
        else None(refusal);
        await using var body = new MemoryStream(trace, writable: false);
        var (received, wrong) = await Get<Intake>().ReceiveAsync(Guid.CreateVersion7(), body, cancel);
        None(wrong);
        var (_, refused) = await Get<TraceSessions>().AddAsync(owner, wish, received!, upload: null, cancel);
        None(refused);
    }

    /// <summary>The operator takes a run off the newest invoice that has one of this key's.</summary>
    public async Task CreditAsync(string key, string reason, CancellationToken cancel)
    {
        var records = await Get<UsageRecordList>().ListAsync(Organization, owner.PersonId, new RecordFilter(Billed: true, IsFree: false, KeyId: keys[key].Key.Id), after: null, limit: 1, cancel);
        if (records is [var record]) _ = Done(await Get<CreditNotes>().IssueAsync(Organization, record.Id, reason, new Actor("operator", null), cancel));
    }

    /// <summary>The writer of events works while this is not disposed.</summary>
    public async Task<IAsyncDisposable> BeginReportsAsync(CancellationToken cancel)
    {
        await Get<EventWriter>().StartAsync(cancel);
        return new Writing(Get<EventWriter>());
    }

    private async Task RaiseCapAsync(CancellationToken cancel)
    {
        var account = await Get<BillingAccounts>().OverviewAsync(Organization, owner.PersonId, cancel);
        await SetCapAsync((account.Account.SpendCap?.Amount ?? 0) + 100, cancel);
    }

    /// <summary>Presses Pay on the provider's page, as a browser without scripts does.</summary>
    private static async Task PayAsync(string page, CancellationToken cancel)
    {
        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal) { ["method"] = "card", ["number"] = "5555555555554444", ["expiry"] = "12 / 30", ["cvc"] = "123" });
        using var answer = await browser.PostAsync(new Uri(page), form, cancel);
        if (answer.StatusCode is not HttpStatusCode.SeeOther) throw new InvalidOperationException($"The payment page answered {(int)answer.StatusCode}.");
    }

    private static T Done<T>(Tried<T> tried) => tried.IsDone ? tried.Value : throw new InvalidOperationException($"The demo was refused something: {tried.Problem.Message}");

    private static void None(Problem? problem)
    {
        if (problem is not null) throw new InvalidOperationException($"The demo was refused something: {problem.Message}");
    }

    private T Get<T>() where T : notnull => app.Services.GetRequiredService<T>();

    private sealed class Writing(EventWriter writer) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await writer.StopAsync(CancellationToken.None);
    }
}
