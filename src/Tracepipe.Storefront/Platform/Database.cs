using System.Data;
using Npgsql;

namespace Tracepipe.Storefront.Platform;

/// <summary>
/// The doors to PostgreSQL. <see cref="Web"/> is for pages and the API: row-level security lets it see one organization, named by <c>app.org</c>, and
/// one person, named by <c>app.person</c>. <see cref="Work"/> is for what serves all organizations: key lookup, webhook inbox, jobs, the operator.
/// Neither may change the schema.
/// </summary>
internal sealed class Database(string connectionString) : IAsyncDisposable
{
    public const string WebRole = "tracepipe_web";
    public const string WorkRole = "tracepipe_work";

    /// <summary>Connections as <c>tracepipe_web</c>. Prefer <see cref="ReadAsync"/> and <see cref="BeginAsync(Guid, Guid?, CancellationToken)"/>, which name the organization.</summary>
    public NpgsqlDataSource Web { get; } = NpgsqlDataSource.Create(Settings(connectionString, WebRole));

    /// <summary>Connections as <c>tracepipe_work</c>, which sees every organization: every statement must filter by itself.</summary>
    public NpgsqlDataSource Work { get; } = NpgsqlDataSource.Create(Settings(connectionString, WorkRole));

    // No more than keep the processors busy: each further session makes all of them slower.
    private readonly NpgsqlDataSource brief = NpgsqlDataSource.Create(Settings(connectionString, WebRole, most: Math.Clamp(2 * Environment.ProcessorCount, 4, 8)));

    private readonly NpgsqlDataSource alone = NpgsqlDataSource.Create(Settings(connectionString, WorkRole, isPooled: false));

    /// <summary>Which database it is: the connection string it was made with, without a role.</summary>
    public string ConnectionString { get; } = connectionString;

    /// <summary>Runs what <paramref name="questions"/> asks for one organization in a single round trip.</summary>
    public async Task ReadAsync(Guid organization, Guid? person, Action<Questions> questions, CancellationToken cancel)
    {
        var asked = new Questions();
        asked.Tenant(organization, person);
        questions(asked);
        await asked.RunAsync(Web, cancel);
    }

    /// <summary>Runs questions that no organization owns (people, memberships) as <c>tracepipe_web</c> with only the person named.</summary>
    public Task ReadAsPersonAsync(Guid person, Action<Questions> questions, CancellationToken cancel) => ReadAsync(Guid.Empty, person, questions, cancel);

    /// <summary>Runs questions over all organizations in a single round trip: for jobs, the inbox, key lookup.</summary>
    public async Task WorkReadAsync(Action<Questions> questions, CancellationToken cancel)
    {
        var asked = new Questions();
        questions(asked);
        await asked.RunAsync(Work, cancel);
    }

    /// <summary>Begins a transaction that sees and changes one organization only. Nothing is written until it is committed.</summary>
    public async Task<Transaction> BeginAsync(Guid organization, Guid? person, CancellationToken cancel)
    {
        var connection = await Web.OpenConnectionAsync(cancel);
        return await Transaction.BeginAsync(connection, (organization, person), cancel);
    }

    /// <summary>The same for transactions of milliseconds that come by the hundred a second. They take turns in few sessions, and no page or export stands in their way.</summary>
    public async Task<Transaction> BeginBriefAsync(Guid organization, CancellationToken cancel)
    {
        var connection = await brief.OpenConnectionAsync(cancel);
        return await Transaction.BeginAsync(connection, (organization, null), cancel);
    }

    /// <summary>Begins a transaction over all organizations: for jobs, the inbox, registration.</summary>
    public async Task<Transaction> BeginWorkAsync(CancellationToken cancel)
    {
        var connection = await Work.OpenConnectionAsync(cancel);
        return await Transaction.BeginAsync(connection, tenant: null, cancel);
    }

    /// <summary>A session as <c>tracepipe_work</c> outside the pool, for who listens, keeps temporary tables or changes settings. It ends when it is disposed.</summary>
    public ValueTask<NpgsqlConnection> OpenAloneAsync(CancellationToken cancel) => alone.OpenConnectionAsync(cancel);

    public async ValueTask DisposeAsync()
    {
        await Web.DisposeAsync();
        await Work.DisposeAsync();
        await brief.DisposeAsync();
        await alone.DisposeAsync();
    }

    private static NpgsqlConnectionStringBuilder Settings(string connectionString, string role, bool isPooled = true, int most = 40)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        settings.Options = string.IsNullOrEmpty(settings.Options) ? $"-c role={role}" : $"{settings.Options} -c role={role}";
        settings.ApplicationName = role;
        settings.Pooling = isPooled;
        settings.MaxPoolSize = most;
        settings.MaxAutoPrepare = 100;
        settings.AutoPrepareMinUsages = 2;
        settings.NoResetOnClose = true; // nothing is left behind in a session of the pool: what would, has one of its own
        settings.Timeout = 5;
        settings.CommandTimeout = 15;
        settings.IncludeErrorDetail = false;
        return settings;
    }
}

/// <summary>One transaction: an organization's own (row-level security applies) or one over all of them. Disposed without commit, it rolls back.</summary>
internal sealed class Transaction : IAsyncDisposable
{
    private readonly NpgsqlConnection connection;
    private readonly NpgsqlTransaction transaction;
    private (Guid Organization, Guid? Person)? tenant;
    private List<Func<CancellationToken, Task>>? afterCommit;

    private Transaction(NpgsqlConnection connection, NpgsqlTransaction transaction, (Guid, Guid?)? tenant)
    {
        this.connection = connection;
        this.transaction = transaction;
        this.tenant = tenant;
    }

    /// <summary>For COPY and other things that only the driver offers.</summary>
    public NpgsqlConnection Connection => connection;

    /// <summary>For a mapper that joins this transaction.</summary>
    public NpgsqlTransaction Underlying => transaction;

    internal static async Task<Transaction> BeginAsync(NpgsqlConnection connection, (Guid, Guid?)? tenant, CancellationToken cancel)
    {
        try
        {
            return new Transaction(connection, await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancel), tenant);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs several statements in one round trip.</summary>
    public async Task ReadAsync(Action<Questions> questions, CancellationToken cancel)
    {
        var asked = new Questions();
        if (tenant is { } t) asked.Tenant(t.Organization, t.Person);
        questions(asked);
        await asked.RunAsync(connection, cancel);
        tenant = null; // set_config(…, true) lasts until the transaction's end
    }

    /// <summary>Runs one statement and returns the rows it changed.</summary>
    public async Task<int> ExecuteAsync(FormattableString sql, CancellationToken cancel)
    {
        Answer<int>? answer = null;
        await ReadAsync(q => answer = q.Execute(sql), cancel);
        return answer!.Value;
    }

    /// <summary>The first row, or the default when there is none.</summary>
    public async Task<T?> FirstAsync<T>(FormattableString sql, Func<NpgsqlDataReader, T> map, CancellationToken cancel)
    {
        Answer<T?>? answer = null;
        await ReadAsync(q => answer = q.First(sql, map), cancel);
        return answer!.Value;
    }

    /// <summary>All rows.</summary>
    public async Task<IReadOnlyList<T>> ListAsync<T>(FormattableString sql, Func<NpgsqlDataReader, T> map, CancellationToken cancel)
    {
        Answer<IReadOnlyList<T>>? answer = null;
        await ReadAsync(q => answer = q.List(sql, map), cancel);
        return answer!.Value;
    }

    /// <summary>Registers what must happen only when the transaction has been committed, such as dropping a cache entry.</summary>
    public void AfterCommit(Func<CancellationToken, Task> then) => (afterCommit ??= []).Add(then);

    public async Task CommitAsync(CancellationToken cancel)
    {
        await transaction.CommitAsync(cancel);
        await CommittedAsync();
    }

    /// <summary>Runs the last statements and commits in the same round trip. What has to be so of them is for the database to see (<see cref="Questions.Exactly"/>): their answers come when all is done.</summary>
    public async Task CommitAsync(Action<Questions> last, CancellationToken cancel)
    {
        await ReadAsync(q =>
        {
            last(q);
            q.Execute($"commit");
        }, cancel);
        await CommittedAsync();
    }

    private async Task CommittedAsync()
    {
        if (afterCommit is null) return;
        foreach (var then in afterCommit) await then(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await transaction.DisposeAsync();
        await connection.DisposeAsync();
    }
}
