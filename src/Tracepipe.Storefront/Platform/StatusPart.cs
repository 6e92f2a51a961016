namespace Tracepipe.Storefront.Platform;

/// <summary>How a part is doing.</summary>
/// <param name="IsWell">It does what it should.</param>
/// <param name="Text">A sentence for everybody: what was seen.</param>
internal sealed record StatusNow(bool IsWell, string Text);

/// <summary>A part that the page <c>/status</c> tells about: a module registers one. Anybody may ask, so an answer costs little, however often.</summary>
internal sealed record StatusPart(string Name, int Order, Func<CancellationToken, Task<StatusNow>> AskAsync);
