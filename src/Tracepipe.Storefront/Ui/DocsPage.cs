namespace Tracepipe.Storefront.Ui;

/// <summary>The groups of the documentation's navigation, in their order.</summary>
public enum DocsGroup { Start, Reference, Money }

/// <summary>A page of the documentation: a module registers one for each it has.</summary>
/// <param name="Text">What it tells, one sentence, for the index.</param>
public sealed record DocsPage(DocsGroup Group, string Label, string Path, string Text, Shape Icon, int Order);
