using System.Threading.Channels;

namespace Tracepipe.Storefront.Platform;

/// <summary>The open streams of this node, by organization, and what was said lately: a page that begins to listen a moment after it was rendered misses nothing.</summary>
internal sealed class LiveHub(TimeProvider clock)
{
    /// <summary>Everything may have changed.</summary>
    public const string Everything = "*";

    /// <summary>How long what was said is remembered.</summary>
    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(1);

    /// <summary>A browser keeps one stream for each visible window; more than this is no browser. The oldest gives way.</summary>
    private const int PerPerson = 16;

    private readonly Lock gate = new();
    private readonly Dictionary<Guid, List<LiveListener>> listeners = [];
    private readonly Queue<(long At, Guid Organization, string Topic)> said = [];
    private long since = clock.GetTimestamp();

    /// <summary>How many streams are open.</summary>
    public int Count
    {
        get
        {
            lock (gate) return listeners.Sum(l => l.Value.Count);
        }
    }

    /// <summary>Begins to listen.</summary>
    /// <param name="age">How long ago the page was rendered; null: nothing that was said before matters.</param>
    public LiveListener Join(Guid organization, Guid person, TimeSpan? age)
    {
        var listener = new LiveListener(this, organization, person);
        lock (gate)
        {
            var all = listeners.TryGetValue(organization, out var there) ? there : listeners[organization] = [];
            if (all.Count(l => l.Person == person) >= PerPerson) Leave(all.First(l => l.Person == person));
            if (!listeners.TryGetValue(organization, out all)) all = listeners[organization] = [];
            all.Add(listener);
            if (age is not { } ago) return listener;
            Forget();
            if (ago > Remembered || ago > clock.GetElapsedTime(since)) listener.Say(Everything);
            else foreach (var (at, about, topic) in said)
                if (about == organization && clock.GetElapsedTime(at) <= ago) listener.Say(topic);
        }
        return listener;
    }

    /// <summary>Says it to everybody here who listens to this organization.</summary>
    public void Say(Guid organization, string topic)
    {
        lock (gate)
        {
            said.Enqueue((clock.GetTimestamp(), organization, topic));
            Forget();
            if (listeners.TryGetValue(organization, out var all)) foreach (var listener in all) listener.Say(topic);
        }
    }

    /// <summary>The node was deaf for a while: every page looks again.</summary>
    public void SayEverything()
    {
        lock (gate)
        {
            since = clock.GetTimestamp();
            said.Clear();
            foreach (var all in listeners.Values) foreach (var listener in all) listener.Say(Everything);
        }
    }

    internal void Leave(LiveListener listener)
    {
        lock (gate)
        {
            listener.End();
            if (!listeners.TryGetValue(listener.Organization, out var all)) return;
            all.Remove(listener);
            if (all.Count == 0) listeners.Remove(listener.Organization);
        }
    }

    private void Forget()
    {
        while (said.TryPeek(out var oldest) && clock.GetElapsedTime(oldest.At) > Remembered) said.Dequeue();
    }
}

/// <summary>One open stream. Disposed, it no longer listens.</summary>
internal sealed class LiveListener(LiveHub hub, Guid organization, Guid person) : IDisposable
{
    // A page that is slower than this looks at everything anyway: what does not fit is not needed.
    private readonly Channel<string> heard = Channel.CreateBounded<string>(new BoundedChannelOptions(32) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    public Guid Organization { get; } = organization;

    public Guid Person { get; } = person;

    /// <summary>Topics as they are said; completed when the stream has to give way.</summary>
    public ChannelReader<string> Heard => heard.Reader;

    public void Dispose() => hub.Leave(this);

    internal void Say(string topic) => heard.Writer.TryWrite(topic);

    internal void End() => heard.Writer.TryComplete();
}
