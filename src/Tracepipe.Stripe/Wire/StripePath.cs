namespace Tracepipe.Stripe;

/// <summary>Puts ids into paths so that they stay one segment of them.</summary>
internal static class StripePath
{
    /// <summary>An empty id would turn "one" into "all", and dots would climb: both are refused.</summary>
    public static string Segment(string id) =>
        string.IsNullOrWhiteSpace(id) || id is "." or ".."
            ? throw new ArgumentException($"\"{id}\" is no id.", nameof(id))
            : Uri.EscapeDataString(id);
}
