using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>Catches: an invoice that cannot be computed again from what it was made of, a proof that says yes to whatever it is given.</summary>
public sealed class InvoiceProofTests(UsageInvoiceApp app) : IClassFixture<UsageInvoiceApp>
{
    [Fact]
    public async Task An_invoice_is_computed_again_from_its_proof_and_a_changed_proof_is_found_out()
    {
        await app.AdvanceToAsync(Period.CalendarMonth(app.Clock.GetUtcNow()).End.AddDays(2));
        var buyer = await app.NewUserAsync();
        await app.UseAsync(buyer.Organization, 3);
        await app.UseAsync(buyer.Organization, 1);
        await StoreAsync(buyer.Organization, 5_000_000_000);
        await app.AdvanceAsync(TimeSpan.FromHours(5));
        await StoreAsync(buyer.Organization, 1_500_000_000);
        await ReportAsync(buyer.Organization, "a", (60_000, null), (39_999.5m, null), (123_456.25m, "gpt-4.1"), (77, null));
        await app.AdvanceAsync(TimeSpan.FromHours(70));
        await ReportAsync(buyer.Organization, "b", (800_001, null), (1, "gpt-4.1"));
        var first = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/invoices/generate", json: "{}");
        var proof = await ProofAsync(buyer, first.Text("id"));
        Assert.Equal([], ProofCheck.Check(proof));
        Assert.Equal(["workflow", "tokens", "storage"], proof.Lines.Select(l => l.Meter));
        Assert.Equal((2, 2), (proof.Lines[0].Units!.Count, proof.Lines[2].Steps!.Count));
        Assert.Equal(first.Amount("total") * 100, proof.TotalCents);

        // What came after belongs to the next invoice, and only to it.
        await app.AdvanceAsync(TimeSpan.FromHours(10));
        await ReportAsync(buyer.Organization, "c", (200_000, null));
        await app.ToCloseAsync();
        await app.Close.CloseDueAsync(default);
        var next = await UsageInvoiceApp.EventuallyAsync(() => app.InvoicesAsync(buyer), all => all.Any(i => i.Text("id") != first.Text("id")));
        var second = await ProofAsync(buyer, next.First(i => i.Text("id") != first.Text("id")).Text("id"));
        Assert.Equal([], ProofCheck.Check(second));
        Assert.Empty(second.Lines.SelectMany(l => l.Uses ?? []).SelectMany(u => u.Events).Select(e => e.Digest).Intersect(proof.Lines.SelectMany(l => l.Uses ?? []).SelectMany(u => u.Events).Select(e => e.Digest)));

        // An event that was no use: the line without it, rounded once, half to even.
        var digest = Guid.Parse(proof.Lines[1].Uses!.First(u => u.Events.Any(e => e.Quantity == 800_001)).Events[0].Digest);
        var note = await app.Notes.IssueAsync(buyer.Organization, digest, "Reported by mistake.", Storefront.Organizations.Actor.System, default);
        Assert.Equal(proof.Lines[1].AmountCents - Money.Round((proof.Lines[1].Quantity - 800_001) * proof.Lines[1].UnitPrice).Minor, note.Value!.Amount.Minor);

        foreach (var (change, about) in Forgeries(proof)) Assert.Contains(ProofCheck.Check(change), s => s.StartsWith(about, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_command_reads_the_file_and_names_the_line_that_does_not_fit()
    {
        var buyer = await app.NewUserAsync(card: null);
        await app.CreditsAsync(buyer.Organization, 5000);
        await app.UseAsync(buyer.Organization, 2);
        var id = (await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/invoices/generate", json: "{}")).Text("id");
        var file = Path.Combine(Path.GetTempPath(), $"proof-{id}.json");
        using (var answer = await buyer.SendAsync(HttpMethod.Get, $"/api/billing/invoices/{id}/proof", null)) await File.WriteAllTextAsync(file, await answer.Content.ReadAsStringAsync());
        try
        {
            Assert.Equal((0, "Everything fits."), await VerifyAsync(file));
            await File.WriteAllTextAsync(file, (await File.ReadAllTextAsync(file)).Replace("\"amount_cents\": 2000", "\"amount_cents\": 2001", StringComparison.Ordinal));
            var (code, said) = await VerifyAsync(file);
            Assert.Equal(1, code);
            Assert.Contains("Line 1 (Workflows", said, StringComparison.Ordinal);
            await File.WriteAllTextAsync(file, "{}");
            await Assert.ThrowsAsync<StartupException>(() => VerifyAsync(file));
        }
        finally
        {
            File.Delete(file);
        }
        var stranger = await app.NewBuyerAsync();
        await stranger.CallAsync(HttpMethod.Get, $"/api/billing/invoices/{id}/proof", 404);
        await stranger.CallAsync(HttpMethod.Get, $"/api/billing/invoices/{id}/pdf", 404);
        using var pdf = await buyer.SendAsync(HttpMethod.Get, $"/api/billing/invoices/{id}/pdf?paper=letter", null);
        Assert.Contains("Credits applied", await InvoicePdfTests.TextAsync(await pdf.Content.ReadAsByteArrayAsync()), StringComparison.Ordinal);
    }

    // Each changes one number, and says how the sentence about it begins.
    private static IEnumerable<(InvoiceProof Changed, string About)> Forgeries(InvoiceProof proof)
    {
        InvoiceProof With(int line, Func<ProvenLine, ProvenLine> change) => proof with { Lines = [.. proof.Lines.Select((l, i) => i == line ? change(l) : l)] };
        var use = proof.Lines[1].Uses!.First(u => u.Events.Count > 0);
        InvoiceProof Use(Func<ProvenUse, ProvenUse> change) => With(1, l => l with { Uses = [.. l.Uses!.Select(u => u == use ? change(u) : u)] });
        yield return (With(0, l => l with { AmountCents = l.AmountCents + 1 }), "Line 1");
        yield return (With(0, l => l with { Quantity = 5 }), "Line 1");
        yield return (With(0, l => l with { Units = [.. l.Units!, l.Units![0]] }), "The record");
        yield return (With(0, l => l with { Units = null }), "Line 1");
        yield return (Use(u => u with { Beyond = u.Beyond + 1 }), "Line 2");
        yield return (Use(u => u with { UsedBefore = u.UsedBefore - 50_000 }), "Line 2");
        yield return (Use(u => u with { Events = [.. u.Events.Skip(1)] }), "Line 2");
        yield return (Use(u => u with { Events = [u.Events[0] with { Id = "another" }, .. u.Events.Skip(1)] }), "Line 2");
        yield return (Use(u => u with { Events = [u.Events[0] with { Quantity = u.Events[0].Quantity + 1 }, .. u.Events.Skip(1)] }), "Line 2");
        yield return (With(1, l => l with { UnitPrice = l.UnitPrice * 2 }), "Line 2");
        yield return (With(2, l => l with { Steps = [l.Steps![0] with { Bytes = l.Steps[0].Bytes * 2 }, .. l.Steps.Skip(1)] }), "Line 3");
        yield return (With(2, l => l with { Steps = [.. l.Steps!, l.Steps![0]] }), "Line 3");
        yield return (proof with { TotalCents = proof.TotalCents + 1 }, "The lines add up");
        yield return (proof with { AmountDueCents = proof.AmountDueCents + 1 }, $"{Money.Usd(proof.TotalCents)} less");
        yield return (proof with { Lines = [.. proof.Lines, proof.Lines[0]] }, "Lines 1 and 1");
    }

    private async Task<InvoiceProof> ProofAsync(Buyer buyer, string id)
    {
        var again = await app.AgainAsync(buyer); // sessions end when much time has passed
        using var answer = await again.SendAsync(HttpMethod.Get, $"/api/billing/invoices/{id}/proof", null);
        return JsonSerializer.Deserialize<InvoiceProof>(await answer.Content.ReadAsStringAsync(), InvoiceProof.Json)!;
    }

    private static async Task<(int Code, string Said)> VerifyAsync(string file)
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        var code = await Tracepipe.Storefront.Product.Modules.Offline["verify-invoice"]([file], output, default);
        return (code, code == 0 ? string.Join(' ', output.ToString().Trim().Split(' ')[^2..]) : output.ToString());
    }

    private async Task ReportAsync(Guid organization, string prefix, params (decimal Quantity, string? Model)[] uses)
    {
        var key = (await app.Services.GetRequiredService<ServiceKeys>().CreateAsync("Backend", default)).Secret;
        var at = app.Clock.GetUtcNow().UtcDateTime;
        var events = uses.Select((u, i) => string.Create(CultureInfo.InvariantCulture,
            $$"""{"specversion":"1.0","id":"{{prefix}}{{i}}-{{organization}}","source":"/test","type":"tokens","subject":"{{organization}}","time":"{{at:yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'}}","data":{"quantity":{{u.Quantity}}{{(u.Model is null ? "" : $",\"model\":\"{u.Model}\"")}}} }"""));
        using var content = new StringContent($"[{string.Join(',', events)}]", Encoding.UTF8, "application/json");
        using var answer = await app.CallAsync(key, "/v1/events", HttpMethod.Post, content);
        Assert.Contains($"\"accepted\":{uses.Length}", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await app.Services.GetRequiredService<UsageSettler>().SettleAsync(default);
    }

    private async Task StoreAsync(Guid organization, long delta)
    {
        await using var transaction = await app.Services.GetRequiredService<Database>().BeginAsync(organization, null, default);
        var standing = await app.Services.GetRequiredService<Standings>().LockAsync(organization, transaction, default);
        await app.Services.GetRequiredService<StorageLevels>().ChangeAsync(standing, delta, app.Clock.GetUtcNow(), transaction, default);
        await transaction.CommitAsync(default);
    }
}
