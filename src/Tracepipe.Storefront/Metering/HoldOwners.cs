namespace Tracepipe.Storefront.Metering;

/// <summary>Whose the latest holds of this node are. An id is one organization's for ever, so that nothing in here becomes wrong; what is not in here is asked of the database.</summary>
internal sealed class HoldOwners
{
    /// <summary>At least so many holds are remembered, and at most twice as many.</summary>
    internal const int Kept = 10_000;

    private readonly Lock turn = new();
    private Dictionary<string, Guid> young = new(StringComparer.Ordinal), old = new(StringComparer.Ordinal);

    /// <summary>Remembers a hold that is stored.</summary>
    public void Add(string id, Guid organization)
    {
        lock (turn)
        {
            if (young.Count >= Kept) (old, young) = (young, new Dictionary<string, Guid>(StringComparer.Ordinal));
            young[id] = organization;
        }
    }

    /// <summary>Whose it is, if that is remembered.</summary>
    public Guid? Find(string id)
    {
        lock (turn) return young.TryGetValue(id, out var organization) || old.TryGetValue(id, out organization) ? organization : null;
    }
}
