using FsCheck;
using FsCheck.Fluent;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a visit of the checkout page, in an order nobody thought of, that is paid twice, paid without money, or not told.</summary>
public sealed class CheckoutWalkTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private const string Urls = "&success_url=https://app.example/ok?session_id={CHECKOUT_SESSION_ID}&cancel_url=https://app.example/no";
    private static readonly HttpClient Browser = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
    private static readonly string[] Steps = ["good", "declined", "insufficient", "asked", "asked_again", "pass", "fail", "link", "saved", "foreign", "code", "wrong_code", "look", "expire", "later", "month"];

    [Fact]
    public void Any_visit_is_paid_once_or_not_at_all_and_told_once()
    {
        var walks = from mode in Gen.Elements("payment", "subscription", "setup")
                    from steps in Gen.Elements(Steps).ListOf()
                    select (mode, steps: steps.Take(10).ToArray());
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(BillingWorld.Times(40, 1000)).WithEndSize(30), Prop.ForAll(Arb.From(walks), walk =>
        {
            VisitAsync(walk.mode, walk.steps).GetAwaiter().GetResult();
            return true;
        }));
    }

    private async Task VisitAsync(string mode, string[] steps)
    {
        var api = sandbox.NewAccount();
        var (clock, customer) = await api.ClockedAsync();
        var own = (await api.GetAsync($"/v1/customers/{customer}/payment_methods")).Ok()["data.0.id"]!;
        var foreign = await api.UseCardAsync(await api.CustomerAsync(), "pm_card_visa");
        var coupon = (await api.PostAsync("/v1/coupons", "percent_off=20&duration=once")).Ok().Id;
        (await api.PostAsync("/v1/promotion_codes", $"promotion[type]=coupon&promotion[coupon]={coupon}&code=FIFTH&max_redemptions=1")).Ok();
        var line = mode == "setup" ? "&currency=usd" : $"&allow_promotion_codes=true&line_items[0][price]={await api.PriceAsync(7900, mode == "payment" ? "" : "month")}&line_items[0][quantity]=1";
        var session = (await api.PostAsync("/v1/checkout/sessions", $"mode={mode}&customer={customer}{line}{Urls}{(mode == "payment" ? "&invoice_creation[enabled]=true" : "")}")).Ok();
        var page = session["url"]!;
        var (status, told, question) = ("open", await CountAsync(api), (string?)null);
        foreach (var step in steps)
        {
            if (step is "pass" or "fail")
            {
                if (question is null) continue;
                using var answered = await PostAsync(question, ("outcome", step == "pass" ? "complete" : "fail"));
                Assert.True((int)answered.StatusCode is 303 or 404 or 409, $"{answered.StatusCode}");
                question = null;
            }
            else if (step is "later" or "month")
            {
                var now = DateTimeOffset.FromUnixTimeSeconds((await api.GetAsync($"/v1/test_helpers/test_clocks/{clock}")).Ok().Number("frozen_time"));
                await api.AdvanceAsync(clock, step == "month" ? now.AddMonths(1).AddHours(2) : now.AddHours(9));
            }
            else if (step == "expire")
            {
                Assert.Equal(status == "open" ? 200 : 400, (await api.PostAsync($"/v1/checkout/sessions/{session.Id}/expire")).Status);
            }
            else
            {
                using var answer = await StepAsync(page, step, own, foreign);
                Assert.True((int)answer.StatusCode is 200 or 303 or 410 or 422, $"{step}: {answer.StatusCode}");
                if (answer.Headers.Location?.ToString() is { } location && location.Contains("/3ds/", StringComparison.Ordinal)) question = location;
            }
            var after = (await api.GetAsync($"/v1/checkout/sessions/{session.Id}")).Ok();
            Assert.True(after["status"] == status || status == "open", $"{status} → {after["status"]} by {step}");
            var count = await CountAsync(api);
            if (status != "open" && step is not ("later" or "month")) Assert.Equal(told, count);
            (status, told) = (after["status"]!, count);
            await ConsistentAsync(api, mode, customer, after);
        }
        Assert.Equal((status == "complete" ? 1 : 0, status == "expired" ? 1 : 0), (await CountAsync(api, "checkout.session.completed"), await CountAsync(api, "checkout.session.expired")));
    }

    private static async Task ConsistentAsync(SandboxClient api, string mode, string customer, Answer session)
    {
        await api.BooksBalanceAsync(customer);
        var complete = session["status"] == "complete";
        Assert.Equal(session["status"] == "open", session["url"] is not null);
        var subscriptions = (await api.GetAsync($"/v1/subscriptions?customer={customer}&status=all")).Ok().Data;
        Assert.Equal(complete && mode == "subscription" ? 1 : 0, subscriptions.Count);
        var first = (await api.GetAsync($"/v1/charges?customer={customer}&limit=100")).Ok().Data.Where(c => c["status"]!.ToString() == "succeeded").Select(c => c["amount"]!.GetValue<long>()).LastOrDefault();
        if (mode == "setup") Assert.Equal(0, first);
        else
        {
            Assert.Equal(complete ? session.Number("amount_total") : 0, first);
            Assert.Equal(complete ? "paid" : "unpaid", session["payment_status"]);
            Assert.Equal(session.Number("amount_total"), session.Number("amount_subtotal") - session.Number("total_details.amount_discount"));
        }
        var invoices = (await api.GetAsync($"/v1/invoices?customer={customer}")).Ok().Data;
        if (!complete) Assert.Empty(invoices);
        else if (mode != "setup") Assert.Equal(session["invoice"], invoices[^1]["id"]!.ToString());
        Assert.Equal(complete && mode != "setup" && session.Number("total_details.amount_discount") > 0 ? 1 : 0, (await api.GetAsync("/v1/promotion_codes")).Ok().Number("data.0.times_redeemed"));
    }

    private static Task<HttpResponseMessage> StepAsync(string page, string step, string own, string foreign) => step switch
    {
        "good" => TypeAsync(page, "4242424242424242"),
        "declined" => TypeAsync(page, "4000000000000002"),
        "insufficient" => TypeAsync(page, "4000000000009995"),
        "asked" or "asked_again" => TypeAsync(page, "4000002760003184"),
        "link" => PostAsync(page, ("method", "link"), ("link_email", "ada@example.com")),
        "saved" => PostAsync(page, ("method", own)),
        "foreign" => PostAsync(page, ("method", foreign)),
        "code" => PostAsync(page + "/code", ("code", "fifth")),
        "wrong_code" => PostAsync(page + "/code", ("code", "sixth")),
        _ => Browser.GetAsync(new Uri(page), TestContext.Current.CancellationToken),
    };

    private static Task<HttpResponseMessage> TypeAsync(string page, string number) => PostAsync(page, ("method", "card"), ("number", number), ("expiry", "12 / 40"), ("cvc", "123"));

    private static async Task<HttpResponseMessage> PostAsync(string address, params (string Name, string Value)[] fields)
    {
        using var form = new FormUrlEncodedContent(fields.Select(f => KeyValuePair.Create(f.Name, f.Value)));
        return await Browser.PostAsync(new Uri(address), form, TestContext.Current.CancellationToken);
    }

    private static async Task<int> CountAsync(SandboxClient api, string? type = null) => (await api.EventsSinceAsync(0)).Count(t => type is null || t == type);
}
