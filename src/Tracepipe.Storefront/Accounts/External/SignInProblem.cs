namespace Tracepipe.Storefront.Accounts.External;

/// <summary>Why a sign-in with a provider did not happen.</summary>
internal enum SignInProblem
{
    /// <summary>The provider does not answer.</summary>
    Unreachable,

    /// <summary>The person said no there.</summary>
    Canceled,

    /// <summary>The state is unknown, used, too old, or belongs to another browser.</summary>
    Expired,

    /// <summary>The provider answered with an error.</summary>
    Refused,

    /// <summary>Its answer did not pass a check.</summary>
    Untrusted,

    /// <summary>It tells no usable address.</summary>
    NoEmail,

    /// <summary>Somebody has an account with the address, and nothing says that it is the same person.</summary>
    EmailTaken,

    /// <summary>The identity belongs to another account here.</summary>
    LinkedElsewhere,

    /// <summary>Linking came back to another session than it left.</summary>
    OtherSession,

    /// <summary>Too many mails were asked for.</summary>
    TooMany,
}

/// <summary>A sign-in that ends here, with what the log may know of the reason.</summary>
internal sealed class SignInRefusedException(SignInProblem problem, string detail) : Exception(detail)
{
    public SignInProblem Problem { get; } = problem;
}

/// <summary>What the page says about a <see cref="SignInProblem"/>.</summary>
/// <param name="Code">Its name in the address, the log and the metrics.</param>
/// <param name="Status">HTTP status of the page.</param>
internal sealed record SignInWords(string Code, int Status, string Title, string Text)
{
    public static SignInWords Of(SignInProblem problem, string label) => problem switch
    {
        SignInProblem.Unreachable => new("unreachable", 503, "The sign-in service does not answer", $"We cannot reach {label} at the moment. Try again in a minute, or log in with your email and password: that works as always."),
        SignInProblem.Canceled => new("canceled", 400, "Sign-in canceled", $"You did not sign in with {label}. Nothing has changed. Try again, or log in another way."),
        SignInProblem.Expired => new("expired", 400, "This sign-in has run out", "It was begun in another browser, more than 15 minutes ago, or was finished once already. Begin again."),
        SignInProblem.Refused => new("refused", 400, "The sign-in was refused", $"{label} did not let the sign-in go on. Try again; if it stays, tell the people who run this site the reference below."),
        SignInProblem.Untrusted => new("untrusted", 400, "The sign-in could not be confirmed", $"The answer that came from {label} did not pass our checks, so nobody was logged in. Try again; if it stays, tell the people who run this site the reference below."),
        SignInProblem.NoEmail => new("no_email", 400, "An email address is missing", $"{label} did not tell us an email address, and an account needs one. Create an account with email and password; you can link {label} afterwards under Security."),
        SignInProblem.EmailTaken => new("email_taken", 409, "You already have an account", $"There is an account with this email address. Log in to it as you always do, then link {label} on the page Security. If you have forgotten the password, choose a new one."),
        SignInProblem.LinkedElsewhere => new("linked_elsewhere", 409, "Already linked to another account", $"This identity at {label} belongs to another account here. Log out and continue with {label} to reach that account, or unlink it there first."),
        SignInProblem.OtherSession => new("other_session", 400, "You were logged out in between", $"{label} was not linked, because it came back to another session than it left. Log in and begin again on the page Security."),
        SignInProblem.TooMany => new("too_many", 429, "Too many tries", "Too many sign-ins that need a confirmation mail came from your network. Wait a few minutes and try again."),
        _ => throw new ArgumentOutOfRangeException(nameof(problem), problem, "Not a reason."),
    };

    /// <summary>The problem with this code; null for any other text.</summary>
    public static SignInProblem? Find(string? code) => Enum.GetValues<SignInProblem>().Where(p => string.Equals(Of(p, "").Code, code, StringComparison.Ordinal)).Cast<SignInProblem?>().FirstOrDefault();
}
