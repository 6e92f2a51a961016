namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>The bucket does not answer, or refuses: the operator mends it and the sender waits it out.</summary>
internal sealed class StorageAwayException(string message, Exception? inner = null) : IOException(message, inner)
{
    /// <summary>It has answered, and will say the same to the next request: a wrong name, a wrong key.</summary>
    public bool IsFinal { get; init; }
}
