using System.Collections.Concurrent;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>All accounts of this server. A test key makes its account on first use.</summary>
internal sealed class Accounts : IDisposable
{
    private readonly ConcurrentDictionary<string, Account> _accounts = new();

    public Accounts(SandboxOptions options, TimeProvider time, ILogger<Accounts> log)
    {
        Options = options;
        Time = time;
        Ids = new Ids(options.IdSeed);
        if (options.JournalFolder is not { } folder) return;
        Journal = new Journal(folder, log);
        Journal.Replay(ForKey);
    }

    public SandboxOptions Options { get; }
    public TimeProvider Time { get; }
    public Ids Ids { get; }
    public Violations Violations { get; } = new();
    public Journal? Journal { get; }

    /// <summary>The address of this server without a trailing slash; known once it listens.</summary>
    public string Origin { get; set; } = "http://127.0.0.1";

    public IEnumerable<Account> All => _accounts.Values;

    /// <summary>Raised after any commit of any account.</summary>
    public Action<Account>? Committed { get; set; }

    public Account ForKey(string secretKey) => _accounts.GetOrAdd(secretKey, key =>
    {
        var account = new Account(this, key);
        account.Changed = changed => Committed?.Invoke(changed);
        return account;
    });

    public Account ForPublishableKey(string publishableKey) => ForKey("sk_test_" + publishableKey["pk_test_".Length..]);

    /// <summary>The account that has an object: how a hosted page, whose address holds only an unguessable id, finds its owner.</summary>
    public Account? Owning(string id) => _accounts.Values.FirstOrDefault(a => a.Committed(id) is not null);

    public void Dispose() => Journal?.Dispose();
}
