using System.Globalization;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// Mails when use reaches 50, 80 and 100 % of the spend cap: each level once in a bill month, and again only if a changed cap had put it out of reach
/// (billing rules, decision 8). A row per level decides who mails, in the transaction that queues the mail.
/// </summary>
internal sealed partial class SpendAlerts(Database database, Standings standings, Outbox outbox, PublicAddress address, TimeProvider clock, ILogger<SpendAlerts> log)
{
    /// <summary>In per cent of the cap.</summary>
    private static readonly int[] Levels = [50, 80, 100];

    /// <summary>The levels that have been reached. Where use is held back the cap is used up, whatever is left of it.</summary>
    public static IEnumerable<int> Reached(Spend spend) => spend.Cap is not { } cap || (spend.Metered.Minor == 0 && !IsOver(spend)) ? []
        : Levels.Where(level => IsOver(spend) || (decimal)spend.Metered.Minor * 100 >= (decimal)level * cap.Minor);

    /// <summary>Mails what has been reached and not been told.</summary>
    /// <returns>How many mails that were.</returns>
    public async Task<int> RunAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var month = BillMonth.Of(now);
        Answer<IReadOnlyList<Guid>>? due = null;
        await database.WorkReadAsync(q => due = q.List($"""
            select s.organization_id from spending s
            join spend_rules r on r.organization_id = s.organization_id and r.cap_minor is not null
            cross join unnest({Levels}) l (level)
            where s.bill_month = {month}
              and (s.metered_minor > 0 and s.metered_minor * 100 >= l.level * r.cap_minor
                or r.card_pays and exists (select 1 from accruals a where a.organization_id = s.organization_id and a.held_back_minor > 0))
              and not exists (select 1 from spend_alerts a where a.organization_id = s.organization_id and a.bill_month = s.bill_month and a.level = l.level)
            group by s.organization_id order by s.organization_id limit 1000
            """, r => r.GetGuid(0)), cancel);
        return await Turns.EachAsync(due!.Value, o => TellAsync(o, now, cancel), (failure, o) => Stopped(log, failure, o));
    }

    /// <summary>A changed cap has put levels out of reach: reached again, they are told again. In the transaction that changes it, after what it pays for.</summary>
    public static async Task ForgetAsync(Guid organization, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var reached = Reached(await Spending.ReadAsync(organization, now, transaction, cancel)).ToArray();
        await transaction.ExecuteAsync($"delete from spend_alerts where organization_id = {organization} and bill_month = {BillMonth.Of(now)} and level <> all ({reached})", cancel);
    }

    private async Task<bool> TellAsync(Guid organization, DateTimeOffset now, CancellationToken cancel)
    {
        await using var transaction = await database.BeginWorkAsync(cancel);
        if (await standings.TryLockAsync(organization, transaction, cancel) is null) return false; // deleted meanwhile
        var spend = await Spending.ReadAsync(organization, now, transaction, cancel);
        if (spend.Cap is not { } cap) return false;
        var told = await transaction.ListAsync($"""
            insert into spend_alerts (organization_id, bill_month, level, cap_minor, spent_minor, raised_at)
            select {organization}, {BillMonth.Of(now)}, level, {cap.Minor}, {spend.Metered.Minor}, {now} from unnest({Reached(spend).ToArray()}) l (level) on conflict do nothing returning level
            """, r => r.GetInt32(0), cancel);
        if (told.Count == 0) return false;
        var (subject, text) = Words(told.Max(), spend, cap, now.UtcDateTime.ToString("MMMM yyyy", CultureInfo.InvariantCulture));
        await BillingMail.QueueAsync(outbox, address, organization, subject, text, "The spend cap:", "/settings/billing", transaction, cancel);
        await Live.ChangedAsync(transaction, organization, Topics.Plan, cancel);
        await transaction.CommitAsync(cancel);
        return true;
    }

    private static (string Subject, string Text) Words(int level, Spend spend, Money cap, string month) => level < 100
        ? ($"{level} % of the spend cap is used", $"Use of {spend.Metered} counts against the spend cap of {cap} for {month}. At the cap, work that only a card could pay for stops; nothing is charged beyond it.")
        : IsOver(spend)
            ? ("The spend cap is reached, and use is held back", $"The spend cap of {cap} for {month} is used up. Use worth {spend.HeldBack} beyond it is held back: it is not charged, and new work is refused until you raise the cap or pay it.")
            : ("The spend cap is reached", $"Use of {spend.Metered} has reached the spend cap of {cap} for {month}. Work that only a card could pay for is refused from now on. Nothing more is charged for this month unless you raise the cap.");

    private static bool IsOver(Spend spend) => spend is { HeldBack.Minor: > 0, CardPays: true, Cap: not null };

    [LoggerMessage(Level = LogLevel.Error, Message = "The spend alert of {Organization} failed and is tried again")]
    private static partial void Stopped(ILogger log, Exception failure, Guid organization);
}

/// <summary>A mail to the one who pays for an organization, with a link to the page it is about.</summary>
internal static class BillingMail
{
    /// <summary>Queues it with the transaction. Without a billing address there is nobody to tell.</summary>
    public static async Task QueueAsync(Outbox outbox, PublicAddress address, Guid organization, string subject, string text, string about, string page, Transaction transaction, CancellationToken cancel)
    {
        var (email, slug, name) = await transaction.FirstAsync($"select coalesce(b.billing_email, ''), o.slug, o.name from billing_accounts b join organizations o on o.id = b.organization_id where b.organization_id = {organization}",
            r => (r.GetString(0), r.GetString(1), r.GetString(2)), cancel);
        if (email is not { Length: > 0 }) return;
        await outbox.QueueAsync(new Mail(email, $"{subject} ({name})", $"""
            {text}

            {about}
            {address.Link($"/o/{slug}{page}")}
            """), transaction, cancel);
    }
}

/// <summary>The pace of the mails about money.</summary>
internal sealed partial class AlertClock(SpendAlerts spend, LowCredits credits, TimeProvider clock, ILogger<AlertClock> log) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Turns.TakeAsync(TimeSpan.FromSeconds(15), clock, async cancel =>
    {
        await spend.RunAsync(cancel);
        await credits.RunAsync(cancel);
    }, reason => Waits(log, reason), stoppingToken);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mails about money wait for the database: {Reason}")]
    private static partial void Waits(ILogger log, string reason);
}
