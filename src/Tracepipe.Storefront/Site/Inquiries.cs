using Tracepipe.Storefront.Accounts.LogIn;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Site;

/// <summary>What somebody asks before there is a contract.</summary>
/// <param name="Name">Of the person.</param>
/// <param name="Email">Where the answer goes.</param>
/// <param name="Company">May be empty.</param>
internal sealed record Inquiry(string Name, string Email, string? Company, string Message);

/// <summary>Questions about the Enterprise plan: mailed to the operators, or to the address of the brand while there are none.</summary>
internal sealed class Inquiries(Database database, Outbox outbox, Delays delays, Brand brand, TimeProvider clock)
{
    /// <summary>So many are taken from one network before it has to wait.</summary>
    public const int FreePerNetwork = 5;

    /// <summary>Sends it.</summary>
    /// <returns>Null when it is on its way; else the seconds until this network may send the next one.</returns>
    public async Task<int?> SendAsync(Inquiry inquiry, string network, CancellationToken cancel)
    {
        if (await delays.TakeAsync([new Tried("inquiries", network, FreePerNetwork)], cancel) is { } wait) return wait;
        var who = string.IsNullOrWhiteSpace(inquiry.Company) ? inquiry.Name : $"{inquiry.Name}, {inquiry.Company}";
        var body = $"{who} asks about the Enterprise plan.\n\nAnswer to: {inquiry.Email}\n\n{inquiry.Message.ReplaceLineEndings("\n").Trim()}\n\nSent from the pricing page on {clock.GetUtcNow():yyyy-MM-dd HH:mm} UTC.";
        await using var transaction = await database.BeginWorkAsync(cancel);
        var operators = await Operators.EmailsAsync(transaction, cancel);
        foreach (var to in operators.Count > 0 ? operators : [brand.ContactEmail])
            await outbox.QueueAsync(new Mail(to, $"Enterprise: {who}", body), transaction, cancel);
        await transaction.CommitAsync(cancel);
        return null;
    }
}
