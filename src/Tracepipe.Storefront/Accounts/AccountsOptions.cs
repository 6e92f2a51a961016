using System.ComponentModel.DataAnnotations;

namespace Tracepipe.Storefront.Accounts;

/// <summary>The configuration section <c>Accounts</c>. The defaults are for a public installation.</summary>
internal sealed class AccountsOptions
{
    /// <summary>Wrong passwords against one account before the wait grows.</summary>
    [Range(1, 100)]
    public int FreeTriesPerAccount { get; init; } = 5;

    /// <summary>Wrong passwords from one network, over all accounts.</summary>
    [Range(1, 1_000_000)]
    public int FreeTriesPerNetwork { get; init; } = 30;

    /// <summary>Registrations and forgotten passwords from one network; each sends a mail.</summary>
    [Range(1, 1_000_000)]
    public int FreeMailsPerNetwork { get; init; } = 100;

    /// <summary>Such mails to one address; beyond, the page is the same and no mail leaves until the wait is over.</summary>
    [Range(1, 1_000_000)]
    public int FreeMailsPerAddress { get; init; } = 5;

    /// <summary>No wait grows beyond this: whoever is patient always gets in.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:15:00")]
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>A session that nobody uses for so long is over.</summary>
    [Range(typeof(TimeSpan), "00:05:00", "90.00:00:00")]
    public TimeSpan SessionIdle { get; init; } = TimeSpan.FromDays(14);
}
