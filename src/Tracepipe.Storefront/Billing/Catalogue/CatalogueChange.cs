namespace Tracepipe.Storefront.Billing;

/// <summary>One thing at Stripe that is not as the catalogue says.</summary>
/// <param name="What">What is to be done, for people: <c>create price pro_monthly: $79.00 a month</c>.</param>
/// <param name="DoAsync">Does it; returns a line that only now can be said, such as a new signing secret.</param>
internal sealed record CatalogueChange(string What, Func<CancellationToken, Task<string?>> DoAsync);

/// <summary>What came of comparing the catalogue with Stripe.</summary>
/// <param name="Version">The version in force afterwards; of a mere comparison: the one in force, or the next.</param>
/// <param name="IsNew">Whether the file differs from the version in force before.</param>
/// <param name="Lines">A sentence for each change, in order, and what was learned by doing it.</param>
/// <param name="Notes">What the operator should know although nothing is to be done.</param>
internal sealed record CatalogueReport(int Version, bool IsNew, IReadOnlyList<string> Lines, IReadOnlyList<string> Notes);
