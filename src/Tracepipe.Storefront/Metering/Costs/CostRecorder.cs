using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>
/// Takes what the backend tells about calls of models: checked one by one, priced with the list that was in force at their time unless the sender says the cost,
/// stored once by their id.
/// </summary>
internal sealed class CostRecorder(Database database, Catalogs catalogs, TimeProvider clock)
{
    private const long MostTokens = 1_000_000_000;
    private const decimal MostDollars = 1_000_000_000m;
    private static readonly DateTimeOffset Oldest = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>A record that may be stored.</summary>
    private sealed record Good(int Index, Guid Organization, CostRecord Record, int? Version, byte[] Digest);

    /// <summary>Stores what is good. A wrong record does not harm the others.</summary>
    /// <param name="sent">In the order of sending; null and a sentence where it could not be read.</param>
    public async Task<IngestAnswer> RecordAsync(IReadOnlyList<(CostRecordRequest? Record, string? Wrong)> sent, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var items = new List<IngestItem>();
        var good = new List<Good>(sent.Count);
        var owners = await OwnersAsync(sent, cancel);
        for (var i = 0; i < sent.Count; i++)
        {
            var (record, wrong) = sent[i];
            if (record is null) items.Add(new IngestItem(i, null, "malformed", wrong!));
            else if (Malformed(record) is { } sentence) items.Add(new IngestItem(i, record.Id, "malformed", sentence));
            else if (OwnerOf(record, owners) is not { } organization) items.Add(new IngestItem(i, record.Id, "unknown_organization", "There is no such organization, or the billing account is another's."));
            else if (record.RecordedAt is { } at && at > now + EventRules.MostAhead) items.Add(new IngestItem(i, record.Id, "in_future", $"{at:yyyy-MM-dd'T'HH:mm:ss'Z'} is more than 5 minutes ahead of our clock: set yours."));
            else if (Priced(i, organization, record, now) is { } priced) good.Add(priced);
            else items.Add(new IngestItem(i, record.Id, "unknown_model", $"“{record.Provider}/{record.Model}” is not on the price list: send prompt_cost and completion_cost, or ask the operator to add it."));
        }
        var rejected = items.Count;
        var (accepted, duplicates, conflicts) = (0, 0, 0);
        var stored = await StoreAsync(good, now, cancel);
        var news = new HashSet<(Guid, string)>(stored.Fresh);
        foreach (var one in good)
        {
            var key = (one.Organization, one.Record.Id);
            if (news.Remove(key)) accepted++; // the first of this id in the batch
            else if (stored.Digests[key].AsSpan().SequenceEqual(one.Digest)) duplicates++;
            else
            {
                conflicts++;
                items.Add(new IngestItem(one.Index, one.Record.Id, "conflict", "Another record was stored under this id: that one stands."));
            }
        }
        items.Sort((a, b) => a.Index.CompareTo(b.Index));
        return new IngestAnswer(accepted, duplicates, conflicts, rejected, items);
    }

    private Good? Priced(int index, Guid organization, CostRecordRequest sent, DateTimeOffset now)
    {
        var at = sent.RecordedAt ?? now;
        at = new DateTimeOffset(at.UtcTicks - (at.UtcTicks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);
        var (prompt, completion, version) = (sent.PromptCost, sent.CompletionCost, (int?)null);
        if (prompt is null)
        {
            var list = catalogs.At(at);
            if (list.Prices.PriceOf(sent.Provider, sent.Model) is not { } price) return null;
            (prompt, completion, version) = (price.PromptCost(sent.PromptTokens), price.CompletionCost(sent.CompletionTokens), list.Number);
        }
        var record = new CostRecord(sent.Id, sent.TaskId, sent.AgentId, sent.SandboxId, sent.Provider, sent.Model, sent.PromptTokens, sent.CompletionTokens, prompt.Value, completion!.Value, at);
        return new Good(index, organization, record, version, Digest(sent));
    }

    private async Task<(IReadOnlyList<(Guid, string)> Fresh, Dictionary<(Guid, string), byte[]> Digests)> StoreAsync(List<Good> good, DateTimeOffset now, CancellationToken cancel)
    {
        if (good.Count == 0) return ([], []);
        // In one order, so that two batches with the same ids wait for each other instead of falling over each other.
        var rows = good.OrderBy(g => g.Organization).ThenBy(g => g.Record.Id, StringComparer.Ordinal).ThenBy(g => g.Index).ToList();
        T[] Column<T>(Func<Good, T> of) => [.. rows.Select(of)];
        var (organizations, ids) = (Column(g => g.Organization), Column(g => g.Record.Id));
        await using var transaction = await database.BeginWorkAsync(cancel);
        var fresh = await transaction.ListAsync($"""
            with fresh as (
              insert into cost_records (organization_id, id, body_digest, task_id, agent_id, sandbox_id, provider, model, prompt_tokens, completion_tokens, prompt_cost, completion_cost, catalog_version, recorded_at, received_at)
              select s.*, {now} from unnest({organizations}, {ids}, {Column(g => g.Digest)}, {Column(g => g.Record.TaskId)}, {Column(g => g.Record.AgentId)}::text[], {Column(g => g.Record.SandboxId)}::text[], {Column(g => g.Record.Provider)},
                {Column(g => g.Record.Model)}, {Column(g => g.Record.PromptTokens)}, {Column(g => g.Record.CompletionTokens)}, {Column(g => g.Record.PromptCost)}, {Column(g => g.Record.CompletionCost)}, {Column(g => g.Version)}::int[], {Column(g => g.Record.RecordedAt)}) s
              on conflict (organization_id, id) do nothing returning *),
            summed as (
              insert into cost_days as d (organization_id, day, provider, model, cost, tokens, records)
              select organization_id, (recorded_at at time zone 'UTC')::date, provider, model, sum(prompt_cost + completion_cost), sum(prompt_tokens + completion_tokens), count(*) from fresh group by 1, 2, 3, 4 order by 1, 2, 3, 4
              on conflict (organization_id, day, provider, model) do update set cost = d.cost + excluded.cost, tokens = d.tokens + excluded.tokens, records = d.records + excluded.records)
            select organization_id, id from fresh
            """, r => (r.GetGuid(0), r.GetString(1)), cancel);
        var digests = fresh.Count == rows.Count ? [] : await transaction.ListAsync($"""
            select c.organization_id, c.id, c.body_digest from cost_records c join (select distinct * from unnest({organizations}, {ids}) k (organization_id, id)) k on k.organization_id = c.organization_id and k.id = c.id
            """, r => (Key: (r.GetGuid(0), r.GetString(1)), Digest: r.GetFieldValue<byte[]>(2)), cancel);
        await transaction.CommitAsync(cancel);
        return (fresh, digests.ToDictionary(d => d.Key, d => d.Digest));
    }

    /// <summary>The organizations that are named, by their own id and by their billing account's.</summary>
    private async Task<(HashSet<Guid> Organizations, Dictionary<Guid, Guid> Accounts)> OwnersAsync(IReadOnlyList<(CostRecordRequest? Record, string? Wrong)> sent, CancellationToken cancel)
    {
        var organizations = sent.Select(s => s.Record?.OrganizationId).OfType<Guid>().Distinct().ToArray();
        var accounts = sent.Select(s => s.Record?.BillingAccountId).OfType<Guid>().Distinct().ToArray();
        Answer<IReadOnlyList<(Guid Organization, Guid Account)>>? found = null;
        await database.WorkReadAsync(q => found = q.List($"""
            select o.id, b.id from organizations o join billing_accounts b on b.organization_id = o.id where o.deleted_at is null and (o.id = any({organizations}) or b.id = any({accounts}))
            """, r => (r.GetGuid(0), r.GetGuid(1))), cancel);
        return ([.. found!.Value.Select(f => f.Organization)], found.Value.ToDictionary(f => f.Account, f => f.Organization));
    }

    private static Guid? OwnerOf(CostRecordRequest record, (HashSet<Guid> Organizations, Dictionary<Guid, Guid> Accounts) owners)
    {
        Guid? byAccount = record.BillingAccountId is { } account && owners.Accounts.TryGetValue(account, out var owner) ? owner : null;
        if (record.OrganizationId is not { } organization) return byAccount;
        if (!owners.Organizations.Contains(organization)) return null;
        return record.BillingAccountId is null || byAccount == organization ? organization : null;
    }

    private static string? Malformed(CostRecordRequest r) => r switch
    {
        _ when !IsName(r.Id, 255) => "id: write 1 to 255 characters without control characters.",
        { OrganizationId: null, BillingAccountId: null } => "organization_id: say whose call it was.",
        _ when !IsName(r.TaskId, 255) => "task_id: write 1 to 255 characters without control characters.",
        _ when (r.AgentId is not null && !IsName(r.AgentId, 255)) || (r.SandboxId is not null && !IsName(r.SandboxId, 255)) => "agent_id and sandbox_id: write 1 to 255 characters without control characters, or null.",
        _ when !IsName(r.Provider, 100) || !IsName(r.Model, 100) => "provider and model: write 1 to 100 characters without control characters.",
        { PromptTokens: < 0 or > MostTokens } or { CompletionTokens: < 0 or > MostTokens } => $"prompt_tokens and completion_tokens: write whole numbers from 0 to {MostTokens}.",
        _ when r.TotalTokens is { } total && total != r.PromptTokens + r.CompletionTokens => "total_tokens: it is the sum of prompt_tokens and completion_tokens, or left out.",
        _ when r.PromptCost is null != r.CompletionCost is null => "prompt_cost and completion_cost: send both, or neither for the price list's.",
        _ when !IsCost(r.PromptCost) || !IsCost(r.CompletionCost) => "prompt_cost and completion_cost: write dollars from 0 with at most 12 decimals.",
        _ when r.TotalCost is { } total && (r.PromptCost is null || total != r.PromptCost + r.CompletionCost) => "total_cost: it is the sum of prompt_cost and completion_cost, or left out.",
        _ when r.RecordedAt < Oldest => "recorded_at: that is too long ago.",
        _ => null,
    };

    private static bool IsName(string? text, int longest) => text is { Length: > 0 } && text.Length <= longest && !text.Any(char.IsControl) && !text.Any(char.IsSurrogate);

    private static bool IsCost(decimal? dollars) => dollars is null or (>= 0 and <= MostDollars) && (dollars is not { } exact || exact == decimal.Round(exact, 12));

    private static byte[] Digest(CostRecordRequest r)
    {
        static string Part(string? text) => text is null ? "-" : $"{text.Length}:{text}";
        return SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"{Part(r.TaskId)}{Part(r.AgentId)}{Part(r.SandboxId)}{Part(r.Provider)}{Part(r.Model)}\n{r.PromptTokens}\n{r.CompletionTokens}\n{r.PromptCost / 1.000000000000000000m}\n{r.CompletionCost / 1.000000000000000000m}\n{r.RecordedAt?.UtcTicks}")));
    }
}
