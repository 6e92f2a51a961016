namespace Tracepipe.Storefront.Ui;

/// <summary>A choice of a <see cref="SelectField"/> or <see cref="CheckList"/>.</summary>
/// <param name="Value">What is sent.</param>
/// <param name="Label">What people read.</param>
/// <param name="Help">A word more about it, where there is room.</param>
public sealed record Option(string Value, string Label, string? Help = null);
