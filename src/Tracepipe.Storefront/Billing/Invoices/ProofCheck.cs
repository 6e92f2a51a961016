using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>Computes an invoice again from its proof, with no database and no network, and says which line does not fit. The command <c>verify-invoice FILE</c>.</summary>
internal static class ProofCheck
{
    /// <summary>Every sentence is something that does not fit.</summary>
    public static IReadOnlyList<string> Check(InvoiceProof proof)
    {
        var wrong = new List<string>();
        if (!string.Equals(proof.Format, InvoiceProof.Version1, StringComparison.Ordinal)) wrong.Add($"The file is of the form “{proof.Format}”, and this program knows {InvoiceProof.Version1}.");
        foreach (var line in proof.Lines)
            foreach (var sentence in Check(line, proof)) wrong.Add($"Line {line.Line} ({line.Description}): {sentence}");
        foreach (var twice in proof.Lines.Where(l => l.Kind is "use" or "carried" && l.Accrual is not null).GroupBy(l => l.Accrual, StringComparer.Ordinal).Where(g => g.Count() > 1)) wrong.Add($"Lines {string.Join(" and ", twice.Select(l => l.Line))} are about the same use.");
        foreach (var twice in proof.Lines.SelectMany(l => l.Units ?? []).GroupBy(u => u.Record).Where(g => g.Count() > 1)) wrong.Add($"The record {twice.Key} stands on the invoice {twice.Count()} times.");
        foreach (var twice in proof.Lines.SelectMany(l => l.Uses ?? []).SelectMany(u => u.Events).GroupBy(e => e.Digest, StringComparer.Ordinal).Where(g => g.Count() > 1)) wrong.Add($"The event {twice.First().Id} of {twice.First().Source} stands on the invoice {twice.Count()} times.");
        var sum = proof.Lines.Sum(l => l.AmountCents);
        if (sum != proof.TotalCents) wrong.Add($"The lines add up to {Usd(sum)}, and the total says {Usd(proof.TotalCents)}.");
        if (proof.TotalCents - proof.CreditsAppliedCents != proof.AmountDueCents) wrong.Add($"{Usd(proof.TotalCents)} less credits of {Usd(proof.CreditsAppliedCents)} is not {Usd(proof.AmountDueCents)}.");
        return wrong;
    }

    /// <summary>What the records behind a line come to, rounded once, half to even.</summary>
    public static long ExactCents(ProvenLine line) => Money.Round(Quantity(line) * line.UnitPrice).Minor;

    public static async Task<int> RunAsync(IReadOnlyList<string> words, TextWriter output, CancellationToken cancel)
    {
        if (words is not [var file]) throw new StartupException("Write: verify-invoice FILE, with the file that “Download proof” gives.");
        InvoiceProof proof;
        try
        {
            await using var stream = File.OpenRead(Paths.Typed(file));
            proof = await JsonSerializer.DeserializeAsync<InvoiceProof>(stream, InvoiceProof.Json, cancel) ?? throw new StartupException($"{file} is empty.");
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"{file} cannot be read: {unreadable.Message}", unreadable);
        }
        catch (JsonException broken)
        {
            throw new StartupException($"{file} is no proof of an invoice: {broken.Message}", broken);
        }
        IReadOnlyList<string> wrong;
        try
        {
            wrong = Check(proof);
        }
        catch (OverflowException)
        {
            throw new StartupException($"{file} has numbers that no invoice has.");
        }
        foreach (var sentence in wrong) await output.WriteLineAsync(sentence);
        var records = proof.Lines.Sum(l => (l.Units?.Count ?? 0) + (l.Steps?.Count ?? 0) + (l.Uses?.Sum(u => u.Events.Count) ?? 0));
        await output.WriteLineAsync(wrong.Count == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{proof.Number}: {proof.Lines.Count} lines and {records} records come to {Usd(proof.TotalCents)}. Everything fits.")
            : $"{proof.Number} does not fit.");
        return wrong.Count == 0 ? 0 : 1;
    }

    private static IEnumerable<string> Check(ProvenLine line, InvoiceProof proof)
    {
        switch (line.Kind)
        {
            case "use" or "carried":
                foreach (var sentence in (line.Units ?? []).SelectMany(u => Check(u, line)).Concat((line.Uses ?? []).SelectMany(u => Check(u, line))).Concat(Check(line.Uses ?? [])).Concat(Check(line.Steps ?? []))) yield return sentence;
                if (line.Units is null && line.Uses is null && line.Steps is null) yield return "nothing stands behind it.";
                // A quantity that has no end in decimals is written with twelve of them.
                else if (Math.Abs(Quantity(line) - line.Quantity) > 0.000000000001m) yield return $"its records add up to {Number(Quantity(line))}, and it says {Number(line.Quantity)}.";
                if (line.NotChargedCents is { } off && (line.Kind is "use" || off < 0)) yield return "it takes something off that it must not.";
                if (ExactCents(line) != line.AmountCents + (line.NotChargedCents ?? 0)) yield return $"{Number(Quantity(line))} at ${Number(line.UnitPrice)} is {Usd(ExactCents(line))}, and it says {Usd(line.AmountCents)}{(line.NotChargedCents is > 0 and var held ? $" and {Usd(held)} that were held back" : "")}.";
                break;
            case "not_charged":
                var whole = proof.Lines.FirstOrDefault(l => l.Kind is "use" && string.Equals(l.Accrual, line.Accrual, StringComparison.Ordinal));
                if (whole is null) yield return "there is no line that it is a part of.";
                else if (line.AmountCents >= 0 || -line.AmountCents > whole.AmountCents) yield return $"it takes {Usd(-line.AmountCents)} off line {whole.Line} of {Usd(whole.AmountCents)}.";
                if (Money.Round(line.Quantity * line.UnitPrice).Minor != line.AmountCents) yield return $"{Number(line.Quantity)} at ${Number(line.UnitPrice)} is not {Usd(line.AmountCents)}.";
                break;
            case "held_back":
                if (Money.Round(line.Quantity * line.UnitPrice).Minor != line.AmountCents) yield return $"{Number(line.Quantity)} at ${Number(line.UnitPrice)} is not {Usd(line.AmountCents)}.";
                break;
            default:
                yield return $"“{line.Kind}” is no kind of line.";
                break;
        }
    }

    private static IEnumerable<string> Check(ProvenUnit unit, ProvenLine line)
    {
        if (unit.UnitPrice != line.UnitPrice) yield return $"the record {unit.Record} has the price ${Number(unit.UnitPrice)}.";
        if (Money.Round(unit.Quantity * unit.UnitPrice).Minor != unit.AmountCents) yield return $"the record {unit.Record} is not {Usd(unit.AmountCents)}.";
    }

    private static IEnumerable<string> Check(ProvenUse use, ProvenLine line)
    {
        if (use.UnitPrice != line.UnitPrice) yield return $"the use at {Time(use.UsedAt)} has the price ${Number(use.UnitPrice)}.";
        var sum = use.Events.Sum(e => e.Quantity);
        if (sum != use.Quantity) yield return $"the events at {Time(use.UsedAt)} add up to {Number(sum)}, and the use says {Number(use.Quantity)}.";
        var (_, beyond) = Rating.Split(use.Included, use.UsedBefore, use.Quantity);
        if (beyond != use.Beyond) yield return $"at {Time(use.UsedAt)} {Number(beyond)} are not included, and the use says {Number(use.Beyond)}.";
        foreach (var e in use.Events)
            if (!string.Equals(e.Digest, Digest(e), StringComparison.Ordinal)) yield return $"the event {e.Id} of {e.Source} has another digest.";
    }

    // Nothing that is included is counted as used twice: who comes later has at least as much behind him.
    private static IEnumerable<string> Check(IReadOnlyList<ProvenUse> uses)
    {
        for (var i = 1; i < uses.Count; i++)
            if (uses[i].UsedBefore < uses[i - 1].UsedBefore) yield return $"the use at {Time(uses[i].UsedAt)} has less behind it than the one before.";
    }

    private static IEnumerable<string> Check(IReadOnlyList<ProvenStep> steps)
    {
        for (var i = 0; i < steps.Count; i++)
        {
            if (steps[i].To <= steps[i].From || steps[i].IncludedBytes < 0 || steps[i].Bytes < steps[i].IncludedBytes) yield return $"the step from {Time(steps[i].From)} is none.";
            if (i > 0 && steps[i].From < steps[i - 1].To) yield return $"the step from {Time(steps[i].From)} begins before the one before it ends.";
        }
    }

    private static decimal Quantity(ProvenLine line) => (line.Units ?? []).Sum(u => u.Quantity) + (line.Uses ?? []).Sum(u => u.Beyond)
        + StorageLevel.GbHours((line.Steps ?? []).Sum(s => (decimal)(s.Bytes - s.IncludedBytes) * ((s.To - s.From).Ticks / TimeSpan.TicksPerMicrosecond)));

    private static string Digest(ProvenEvent e) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{e.Source.Length}:{e.Source}{e.Id}"))).AsSpan(0, 16));

    private static string Usd(long cents) => Money.Usd(cents).ToString();

    private static string Number(decimal number) => number.ToString("#,##0.############", CultureInfo.InvariantCulture);

    private static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
