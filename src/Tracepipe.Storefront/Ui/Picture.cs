namespace Tracepipe.Storefront.Ui;

/// <summary>What a <see cref="Drawing"/> shows.</summary>
public enum Picture { Sessions, Keys, Invoices, Usage, Cards, Mail, LostTrace, BrokenTrace }
