using System.Diagnostics.CodeAnalysis;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>What a verb came to: its result, or the expected "no".</summary>
internal sealed record Tried<T>(T? Value, Problem? Problem)
{
    [MemberNotNullWhen(true, nameof(Value))]
    [MemberNotNullWhen(false, nameof(Problem))]
    public bool IsDone => Problem is null;

    public static implicit operator Tried<T>(T value) => new(value, Problem: null);

    public static implicit operator Tried<T>(Problem problem) => new(default, problem);
}
