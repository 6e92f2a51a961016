namespace Tracepipe.Storefront.Metering;

/// <summary>
/// The latest holds of this node as they were granted. An id is one organization's for ever, and the parts of a hold stand as long as it is open: whether it still is, the statement
/// that ends it has to see. What is not in here is asked of the database.
/// </summary>
internal sealed class LatestHolds
{
    /// <summary>At least so many holds are remembered, and at most twice as many.</summary>
    internal const int Kept = 10_000;

    private readonly Lock turn = new();
    private Dictionary<string, Hold> young = new(StringComparer.Ordinal), old = new(StringComparer.Ordinal);

    /// <summary>Remembers a hold that is stored.</summary>
    public void Add(Hold hold)
    {
        lock (turn)
        {
            if (young.Count >= Kept) (old, young) = (young, new Dictionary<string, Hold>(StringComparer.Ordinal));
            young[hold.Id] = hold;
        }
    }

    /// <summary>The hold of this id as it was granted, if that is remembered.</summary>
    public Hold? Find(string id)
    {
        lock (turn) return young.TryGetValue(id, out var hold) || old.TryGetValue(id, out hold) ? hold : null;
    }
}
