using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Catalog;

/// <summary>What is for sale: one immutable version of <c>catalog.json</c>. Subscribers keep the version they bought.</summary>
/// <param name="Currency">ISO 4217, upper case; one per catalogue.</param>
/// <param name="MinimumChargeCents">Below this nothing is charged; the lines are carried to the next month.</param>
/// <param name="SpendCapCents">The cap that a new organization starts with, cents per calendar month.</param>
internal sealed record PriceList(
    string Currency,
    long MinimumChargeCents,
    long SpendCapCents,
    IReadOnlyList<CatalogMeter> Meters,
    IReadOnlyList<Rate> Rates,
    IReadOnlyList<Tier> Tiers,
    IReadOnlyList<LlmPrice> LlmPrices,
    IReadOnlyList<CatalogSuite> Suites)
{
    /// <summary>The tier of this key.</summary>
    /// <exception cref="KeyNotFoundException">This version does not have it.</exception>
    public Tier Tier(string key) => TryTier(key) ?? throw new KeyNotFoundException($"The catalogue has no tier “{key}”.");

    public Tier? TryTier(string key) => Tiers.FirstOrDefault(t => string.Equals(t.Key, key, StringComparison.Ordinal));

    /// <summary>The metered rate of a meter; null when its use costs nothing.</summary>
    public Rate? RateOf(string meter) => Rates.FirstOrDefault(r => string.Equals(r.Meter, meter, StringComparison.Ordinal));

    /// <summary>What a model's tokens cost; null when it is not on the list.</summary>
    public LlmPrice? PriceOf(string provider, string model) => LlmPrices.FirstOrDefault(p => string.Equals(p.Provider, provider, StringComparison.Ordinal) && string.Equals(p.Model, model, StringComparison.Ordinal));

    /// <summary>The tiers that pages show, in the order of the file.</summary>
    public IEnumerable<Tier> Listed => Tiers.Where(t => t.Sold is not Sold.Hidden);
}

/// <summary>How a tier is sold.</summary>
internal enum Sold { Free, Monthly, Once, Contract, Hidden }

/// <summary>How a meter counts: whole units held before work, quantities after the fact, a level over time, or something that costs nothing.</summary>
internal enum MeterKind { Unit, Quantity, Level, Free }

/// <summary>Something that is counted.</summary>
/// <param name="Key">The name in events and usage records.</param>
/// <param name="Unit">What one of it is called.</param>
internal sealed record CatalogMeter(string Key, string Name, string Unit, MeterKind Kind);

/// <summary>What use beyond the included costs.</summary>
/// <param name="Price">Exact price in major units (dollars) for <paramref name="Per"/> units.</param>
/// <param name="Per">How many units the price is for.</param>
/// <param name="Models">Prices that replace <paramref name="Price"/> for a model.</param>
internal sealed record Rate(string Meter, decimal Price, long Per, IReadOnlyDictionary<string, decimal>? Models = null)
{
    /// <summary>Exact price of one unit.</summary>
    public decimal Unit(string? model = null) => (model is not null && Models is not null && Models.TryGetValue(model, out var price) ? price : Price) / Per;
}

/// <summary>A plan.</summary>
/// <param name="PriceCents">Per month, or once for <see cref="Sold.Once"/>.</param>
/// <param name="Seats">How many may ever be sold; null: any number.</param>
/// <param name="TrialDays">Free days before the first charge.</param>
/// <param name="BringsOwnKeys">The buyer pays the LLM providers himself.</param>
internal sealed record Tier(string Key, string Name, Sold Sold, long PriceCents, TierLimits Limits, RequestLimits Requests, int? Seats = null, int TrialDays = 0, bool BringsOwnKeys = false)
{
    public Money Price(string currency) => new(PriceCents, currency);

    /// <summary>The lookup key of its price at Stripe: <c>pro_monthly</c>, <c>lifetime</c>.</summary>
    public string? LookupKey => Sold switch { Sold.Monthly => $"{Key}_monthly", Sold.Once => Key, _ => null };
}

/// <summary>What a plan includes per quota period; −1 is unlimited.</summary>
/// <param name="Agents">Runs in flight at once (open holds).</param>
/// <param name="StorageGb">A level in units of 10⁹ bytes, not a quantity.</param>
internal sealed record TierLimits(long Workflows, int Agents, long StorageGb, long Tokens);

/// <summary>Requests a key may make per minute, three times that per organization; −1 is no limit.</summary>
internal sealed record RequestLimits(int RequestsPerMinute, int UploadsPerMinute, int KeyChangesPerMinute);

/// <summary>What a model's tokens cost its user, exact major units per million.</summary>
internal sealed record LlmPrice(string Provider, string Model, decimal InputPerMillion, decimal OutputPerMillion)
{
    /// <summary>Exact cost of what was asked, to 12 places.</summary>
    public decimal PromptCost(long tokens) => decimal.Round(tokens * InputPerMillion / 1_000_000m, 12);

    /// <summary>Exact cost of what was answered, to 12 places.</summary>
    public decimal CompletionCost(long tokens) => decimal.Round(tokens * OutputPerMillion / 1_000_000m, 12);
}

/// <summary>What traces are recorded for: the actions that the sold API knows in them.</summary>
internal sealed record CatalogSuite(string Id, string Name, string Description, IReadOnlyList<SuiteAction> Actions);

/// <summary>Something a person does in a session.</summary>
internal sealed record SuiteAction(string Name, IReadOnlyList<SuiteParameter> Parameters);

/// <param name="Type"><c>text</c>, <c>number</c> or <c>boolean</c>.</param>
internal sealed record SuiteParameter(string Name, string Type, bool Optional);
