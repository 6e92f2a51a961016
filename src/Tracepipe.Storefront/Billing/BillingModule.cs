using Tracepipe.Storefront.Billing.Pages;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// Who pays, with what, and everything that goes to Stripe and comes from it. Owns: billing accounts, payment methods, writes to Stripe and their
/// idempotency keys, the webhook and its inbox. Does not own: prices (Catalog), what was used (Metering), whether work may begin (Ledger).
/// </summary>
internal static class BillingModule
{
    public static WebApplicationBuilder AddBilling(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<StripeConnection>();
        services.AddSingleton<StripeReach>();
        services.AddSingleton(s => new StatusPart("Payments", 2, s.GetRequiredService<StripeReach>().AskAsync));
        services.AddSingleton<FaultPoints>();

        services.AddSingleton<StripeOperations>();
        services.AddHostedService<OperationsWorker>();
        services.AddWrite<CustomerCreation>();
        services.AddWrite<SetupCreation>();
        services.AddWrite<CardAttachment>();
        services.AddWrite<DefaultChoice>();
        services.AddWrite<ExpiryChange>();
        services.AddWrite<CardDetachment>();

        services.AddSingleton<CatalogueAtStripe>();
        services.AddHostedService<CatalogueCommands>();
        services.AddSubcommand("catalog diff", "", CatalogueCommands.DiffAsync);
        services.AddSubcommand("catalog apply", "", CatalogueCommands.ApplyAsync);

        services.AddSingleton<BillingAccounts>();
        services.AddSingleton<StripeCustomers>();
        services.AddSingleton<CardProjection>();
        services.AddSingleton<PaymentMethods>();

        services.AddWrite<SubscriptionCancellation>();
        services.AddWrite<ReplacedCancellation>();
        services.AddWrite<SubscriptionReactivation>();
        services.AddWrite<PlanUpgrade>();
        services.AddWrite<PlanDowngrade>();
        services.AddWrite<DowngradeRevocation>();
        services.AddWrite<UpgradeInvoiceVoiding>();
        services.AddWrite<SubscriptionUndoing>();
        services.AddWrite<CheckoutCreation>();
        services.AddWrite<CheckoutExpiry>();
        services.AddWrite<PaymentRefund>();
        services.AddWrite<PortalVisit>();
        services.AddSingleton<Subscriptions>();
        services.AddSingleton<SubscriptionProjection>();
        services.AddSingleton<PlanStandings>();
        services.AddSingleton<PlanChanges>();
        services.AddSingleton<PlanPrices>();
        services.AddSingleton<LifetimePlans>();
        services.AddSubcommand("tier set", "ORG TIER [--until DATE]", TierCommand.SetAsync);
        services.AddSingleton<LifetimeSeats>();
        services.AddSingleton<Suspensions>();
        services.AddSingleton<Checkouts>();
        services.AddSingleton<Fulfilment>();
        services.AddSingleton<Refunds>();
        services.AddSingleton<ReturnAddresses>();
        services.AddSingleton<Portal>();
        services.AddSingleton<InvoiceMirror>();
        services.AddSingleton<UsageSummaries>();
        services.AddSingleton<UsageRecordList>();
        services.AddSingleton<CreditPurchases>();
        services.AddSingleton<SpendCaps>();
        services.AddSingleton<SpendAlerts>();
        services.AddSingleton<LowCredits>();
        services.AddSingleton<CreditGrants>();
        services.AddHostedService<GrantClock>();
        services.AddSubcommand("credits grant", "EMAIL-or-ORG AMOUNT --reason TEXT [--expires DATE]", CreditGrants.RunAsync);
        services.AddHostedService<AlertClock>();
        services.AddWrite<UsageInvoiceDraft>();
        services.AddWrite<UsageInvoiceItem>();
        services.AddWrite<UsageInvoiceFinalization>();
        services.AddWrite<UsageInvoicePayment>();
        services.AddSingleton<UsageInvoiceState>();
        services.AddSingleton<UsageInvoices>();
        services.AddSingleton<UsageInvoicePush>();
        services.AddSingleton<MonthlyClose>();
        services.AddSingleton<InvoiceList>();
        services.AddSingleton<InvoiceReader>();
        services.AddSingleton<StripePages>();
        services.AddSingleton<InvoiceProofs>();
        services.AddWrite<CreditNoteCreation>();
        services.AddSingleton<CreditNotes>();
        services.AddSubcommand("invoice credit", "ORG RECORD --reason TEXT", CreditNotes.RunAsync);
        services.AddSingleton<Dunning>();
        services.AddSingleton<MeterExports>();
        services.AddWrite<ExcessCreditNote>();
        services.AddSingleton<Repairs>();
        services.AddSingleton<Reconciliation>();
        services.AddHostedService<MeterClock>();
        services.AddSubcommand("reconcile", "[--repair true]", Reconciliation.RunAsync);
        services.AddHostedService<UsageInvoiceClock>();
        services.AddAfter<CreditsBought>((bought, transaction, _, cancel) => CreditPurchases.PostAsync(bought, transaction, cancel));
        services.AddSingleton<PlanUpkeep>();
        services.AddHostedService(s => s.GetRequiredService<PlanUpkeep>());

        services.AddSingleton<EventHandlers>();
        services.AddSingleton<PlanEvents>();
        services.AddSingleton<EventCatchUp>();
        services.AddHostedService(s => s.GetRequiredService<EventCatchUp>());
        services.AddSingleton<Inbox>();
        services.AddHostedService<InboxWorker>();

        services.AddSingleton<BillingReader>();
        services.AddSingleton<CreditsReader>();
        services.AddSingleton<CostsReader>();
        services.AddSingleton(new NavItem(NavSection.Billing, "Overview", "/settings/billing", Lucide.Wallet, 0, Permissions.BillingRead));
        services.AddSingleton(new NavItem(NavSection.Billing, "Plans", "/settings/billing/plans", Lucide.Package, 10, Permissions.BillingRead));
        services.AddSingleton(new NavItem(NavSection.Billing, "Payment methods", "/settings/billing/payment-methods", Lucide.CreditCard, 20, Permissions.BillingRead));
        services.AddSingleton(new NavItem(NavSection.Billing, "Credits", "/settings/billing/credits", Lucide.Coins, 30, Permissions.BillingRead));
        services.AddSingleton(new NavItem(NavSection.Billing, "Invoices", "/settings/billing/invoices", Lucide.ReceiptText, 40, Permissions.BillingRead));
        services.AddSingleton(new NavItem(NavSection.Billing, "Costs", "/settings/billing/costs", Lucide.ChartPie, 60, Permissions.UsageRead));
        services.AddSingleton(new NavItem(NavSection.Billing, "Usage records", "/settings/billing/usage", Lucide.List, 50, Permissions.UsageRead));
        services.AddSingleton(new NavItem(NavSection.Operator, "Stripe drift", "/admin/stripe", Lucide.Activity, 0, OfOrganization: false));
        services.AddSingleton<SandboxSign>();
        services.AddSingleton<PaymentsBanner>(s => () => s.GetRequiredService<SandboxSign>().IsShown);
        services.AddHostedService(s => s.GetRequiredService<SandboxSign>());
        services.AddAfter<OrganizationMade>((made, transaction, provider, cancel) => provider.GetRequiredService<BillingAccounts>().OpenAsync(made, transaction, cancel));
        services.AddAfter<KeyWanted>(CardBeforeKey.CheckAsync);
        return builder;
    }

    public static WebApplication MapBilling(this WebApplication app)
    {
        app.MapStripeWebhook();
        app.MapBillingApi();
        app.MapSubscriptionsApi();
        app.MapCreditsApi();
        app.MapCostsApi();
        app.MapInvoicesApi();
        app.MapUsageRecordsApi();
        app.MapUsageRecordsExport();
        app.MapKeyInvoicesApi();
        app.MapCardForms();
        app.MapPlanForms();
        app.MapInvoiceForms();
        app.MapSpendForms();
        app.MapDriftForms();
        app.MapReturns();
        return app;
    }

    private static void AddWrite<T>(this IServiceCollection services) where T : StripeWrite =>
        services.AddSingleton<T>().AddSingleton<StripeWrite>(s => s.GetRequiredService<T>());
}
