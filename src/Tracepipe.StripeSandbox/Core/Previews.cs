using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>An invoice that will come, or would come if something changed; nothing of it is kept.</summary>
internal static class Previews
{
    public static JsonObject Show(UnitOfWork work, Doc invoice)
    {
        var shown = Rendering.Render(work, invoice);
        var id = "upcoming_" + invoice.Id;
        shown["id"] = id;
        foreach (var line in shown["lines"]!["data"]!.AsArray()) line!["invoice"] = id;
        shown["lines"]!["url"] = $"/v1/invoices/{id}/lines";
        shown.Remove("hosted_invoice_url");
        shown.Remove("invoice_pdf");
        return shown;
    }
}
