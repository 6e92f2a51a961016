namespace Tracepipe.Postgres;

/// <summary>Where an embedded PostgreSQL keeps its data, where its programs come from, and how it is tuned.</summary>
public sealed class EmbeddedPostgresOptions
{
    /// <summary>
    /// The data folder, made when missing. It holds the cluster (<c>postgres/</c>), a copy of the programs (<c>binaries/</c>),
    /// the superuser's password, the server's log and the lock that says who owns all this.
    /// </summary>
    public required string DataDirectory { get; init; }

    /// <summary>The folder with <c>bin</c>, <c>lib</c> and <c>share</c>: <c>native</c> of npm's <c>@embedded-postgres/…</c> package.</summary>
    public required string BinariesDirectory { get; init; }

    /// <summary>False switches fsync, full page writes and synchronous commit off: for tests, whose data may die with the machine.</summary>
    public bool Durable { get; init; } = true;

    /// <summary>Further settings of <c>postgresql.conf</c> (<c>max_connections</c> …); they win over the built-in ones.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();
}
