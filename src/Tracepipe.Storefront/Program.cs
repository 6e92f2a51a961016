using Tracepipe.Storefront.Accounts;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Demo;
using Tracepipe.Storefront.Home;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Site;
using Tracepipe.Storefront.Traces;
using Tracepipe.Storefront.Ui;

return await Startup.RunAsync(args, Tracepipe.Storefront.Product.Modules);

namespace Tracepipe.Storefront
{
    /// <summary>The product: one Add and one Map per module.</summary>
    internal static class Product
    {
        public static Composition Modules { get; } = new(
            builder => builder
                .AddPlatform()
                .AddUi()
                .AddAccounts()
                .AddOrganizations()
                .AddCatalog()
                .AddKeys()
                .AddLedger()
                .AddMetering()
                .AddBilling()
                .AddTraces()
                .AddHome()
                .AddSite(),
            app => app
                .MapPlatform()
                .MapKeys() // before log-in and pages: /v1 is answered here
                .MapUi()
                .MapAccounts()
                .MapOrganizations()
                .MapCatalog()
                .MapLedger()
                .MapMetering()
                .MapBilling()
                .MapTraces()
                .MapHome()
                .MapSite())
        {
            Demo = DemoFill.RunAsync,
            Offline = new Dictionary<string, Func<IReadOnlyList<string>, TextWriter, CancellationToken, Task<int>>>(StringComparer.Ordinal) { ["verify-invoice"] = ProofCheck.RunAsync },
        };
    }
}
