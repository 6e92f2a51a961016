using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Traces.Uploads;

/// <summary>How many uploads of an organization run at the same time on this node.</summary>
internal sealed class UploadSlots(IOptions<TracesOptions> options)
{
    private readonly ConcurrentDictionary<Guid, int> taken = new();

    public static Problem Full { get; } = Problem.TooMany("As many uploads of this organization are running as may run at once. Wait for one to finish.", 5, "parallel_uploads");

    /// <returns>Dispose it when the upload ends; null: none is free.</returns>
    public IDisposable? TryTake(Guid organization)
    {
        if (taken.AddOrUpdate(organization, 1, static (_, n) => n + 1) <= options.Value.ParallelUploads) return new Slot(this, organization);
        Free(organization);
        return null;
    }

    private void Free(Guid organization)
    {
        if (taken.AddOrUpdate(organization, 0, static (_, n) => n - 1) <= 0) taken.TryRemove(new KeyValuePair<Guid, int>(organization, 0));
    }

    private sealed class Slot(UploadSlots slots, Guid organization) : IDisposable
    {
        private int freed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref freed, 1) == 0) slots.Free(organization);
        }
    }
}
