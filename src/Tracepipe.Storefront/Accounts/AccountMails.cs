using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts;

/// <summary>
/// What we write to people about their accounts. Nothing that a stranger typed stands in a mail to an unproved address (a name could carry his message).
/// Each link stands alone on its line.
/// </summary>
internal static class AccountMails
{
    public static Mail FinishRegistration(string email, string link) => new(email, "Finish creating your Tracepipe account", $"""
        Hello,

        open this link to finish creating your account:

        {link}

        It works for 24 hours. In the browser you registered with, it signs you in at once;
        in another one it first asks for the password you chose.

        If you did not ask for an account, ignore this mail. Nothing exists until the link is opened.

        Tracepipe
        """);

    public static Mail AlreadyRegistered(string email, PublicAddress site) => new(email, "You already have a Tracepipe account", $"""
        Hello,

        somebody, probably you, tried to create an account with this address. There is one already.
        Log in here:

        {site.Link("/login")}

        If you do not remember the password, choose a new one:

        {site.Link("/forgot-password")}

        If it was not you, there is nothing to do: nothing has changed.

        Tracepipe
        """);

    public static Mail ChooseNewPassword(string email, string link) => new(email, "Choose a new Tracepipe password", $"""
        Hello,

        open this link to choose a new password:

        {link}

        It works once, for one hour. Your present password stays valid until you choose a new one.

        If you did not ask for this, ignore this mail. Nobody can change your password without the link.

        Tracepipe
        """);

    public static Mail NoAccount(string email, PublicAddress site) => new(email, "There is no Tracepipe account for this address", $"""
        Hello,

        somebody, probably you, asked for a new password for this address, but it has no account.
        Perhaps you registered with another address. To create an account with this one:

        {site.Link("/register")}

        If it was not you, there is nothing to do.

        Tracepipe
        """);

    public static Mail PasswordChanged(string email, PublicAddress site, DateTimeOffset at) => new(email, "Your Tracepipe password was changed", $"""
        Hello,

        the password of your account was changed on {Stamp(at)}. All other browsers have been signed out.

        If it was not you, choose a new password now:

        {site.Link("/forgot-password")}

        Tracepipe
        """);

    public static Mail ConfirmNewAddress(string email, string link) => new(email, "Confirm your new address for Tracepipe", $"""
        Hello,

        open this link in the browser you are signed in with, to use this address for your account:

        {link}

        It works once, for 24 hours. Until then you log in with the old address.

        If you did not ask for this, ignore this mail.

        Tracepipe
        """);

    public static Mail AddressTaken(string email, PublicAddress site) => new(email, "This address already has a Tracepipe account", $"""
        Hello,

        somebody, probably you, wanted to use this address for another Tracepipe account. It already has one of its own,
        so nothing has changed. To log in with it:

        {site.Link("/login")}

        Tracepipe
        """);

    public static Mail AddressWillChange(string email, PublicAddress site) => new(email, "A new address was asked for your Tracepipe account", $"""
        Hello,

        somebody signed in to your account, probably you, asked to use another e-mail address for it. It changes when the
        link we sent there is opened.

        If it was not you, choose a new password now. That cancels the change and signs all browsers out:

        {site.Link("/forgot-password")}

        Tracepipe
        """);

    public static Mail AddressChanged(string email, PublicAddress site, DateTimeOffset at) => new(email, "Your Tracepipe address was changed", $"""
        Hello,

        since {Stamp(at)} your account uses another e-mail address, and this one no longer logs in.

        If it was not you, tell whoever runs this site:

        {site.Base}

        Tracepipe
        """);

    public static Mail FinishExternalRegistration(string email, string link) => new(email, "Finish creating your Tracepipe account", $"""
        Hello,

        open this link in the browser you began with, to finish creating your account:

        {link}

        It works once, for 24 hours.

        If you did not ask for an account, ignore this mail. Nothing exists until the link is opened.

        Tracepipe
        """);

    public static Mail IdentityLinked(string email, string provider, PublicAddress site, DateTimeOffset at) => new(email, "A new way to log in to Tracepipe", $"""
        Hello,

        since {Stamp(at)} your account can be logged in to with {provider}.

        If it was not you, choose a new password now. That removes it and signs all browsers out:

        {site.Link("/forgot-password")}

        Tracepipe
        """);

    public static Mail IdentityUnlinked(string email, string provider, PublicAddress site, DateTimeOffset at) => new(email, "A way to log in to Tracepipe was removed", $"""
        Hello,

        since {Stamp(at)} your account can no longer be logged in to with {provider}.

        If it was not you, choose a new password now. That signs all browsers out:

        {site.Link("/forgot-password")}

        Tracepipe
        """);

    private static string Stamp(DateTimeOffset at) => at.ToString("MMM d, yyyy, HH:mm 'UTC'");
}
