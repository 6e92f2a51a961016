using System.Text.RegularExpressions;

namespace Tracepipe.Storefront.Platform;

/// <summary>Short environment names (<c>DATABASE_URL</c>, <c>STRIPE_SECRET_KEY</c> …) and the rules that a configuration must keep before anything starts.</summary>
internal static partial class ConfigurationRules
{
    private static readonly (string Environment, string Key)[] Aliases =
    [
        ("DATABASE_URL", "ConnectionStrings:Tracepipe"),
        ("STRIPE_SECRET_KEY", "Stripe:ApiKey"),
        ("STRIPE_PUBLISHABLE_KEY", "Stripe:PublishableKey"),
        ("STRIPE_WEBHOOK_SECRET", "Stripe:WebhookSecret"),
        ("STRIPE_FRONTEND_URL", "Billing:AppUrl"),
    ];

    /// <summary>The short names of the billing guide count like the long ones; the long ones win.</summary>
    public static void AddEnvironmentAliases(this IConfigurationManager configuration)
    {
        var values = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var (environment, key) in Aliases)
            if (configuration[key] is null && Environment.GetEnvironmentVariable(environment) is { } value) values[key] = value;
        configuration.AddInMemoryCollection(values);
    }

    /// <summary>Refuses what would lose money or leak: a live key with another API base, Production on the sandbox by accident, an empty webhook secret, no mail server.</summary>
    /// <param name="isServing">False for a subcommand: it takes no money, and <c>catalog apply</c> is how the webhook secret comes into the world.</param>
    /// <exception cref="StartupException">Says which setting is wrong and what to write.</exception>
    public static void Check(WebApplicationBuilder builder, bool isServing)
    {
        var configuration = builder.Configuration;
        var key = configuration["Stripe:ApiKey"];
        var apiBase = configuration["Stripe:ApiBase"];
        var secret = configuration["Stripe:WebhookSecret"];
        var isOurStripe = key is null && apiBase is null;

        if (key is not null && !KeyFormat().IsMatch(key))
            throw new StartupException("STRIPE_SECRET_KEY is not a secret key of Stripe: it begins with sk_test_, sk_live_, rk_test_ or rk_live_.");
        if (key is not null && key.Contains("_live_", StringComparison.Ordinal) && apiBase is not null && !string.Equals(apiBase.TrimEnd('/'), "https://api.stripe.com", StringComparison.Ordinal))
            throw new StartupException("A live Stripe key goes to https://api.stripe.com only: remove Stripe__ApiBase or use a test key.");
        if (secret is not null || (isServing && key is not null && !configuration.GetValue<bool>("Stripe:Disabled")))
        {
            if (secret is null || !SecretFormat().IsMatch(secret))
                throw new StartupException("STRIPE_WEBHOOK_SECRET must be the endpoint's signing secret: whsec_ and at least 24 characters (several: separate them with commas).");
        }
        if (!builder.Environment.IsProduction() || !isServing) return;
        if (isOurStripe && !configuration.GetValue<bool>("Stripe:Sandbox") && !configuration.GetValue<bool>("Stripe:Disabled"))
            throw new StartupException("Production has no Stripe keys: set STRIPE_SECRET_KEY, STRIPE_PUBLISHABLE_KEY and STRIPE_WEBHOOK_SECRET, or allow sandbox payments with Stripe__Sandbox=true.");
        if (string.IsNullOrWhiteSpace(configuration["Smtp:Host"]))
            throw new StartupException("Production has no mail server: set Smtp__Host (and Smtp__Port, Smtp__User, Smtp__Password, Smtp__From).");
    }

    [GeneratedRegex("^(sk|rk)_(test|live)_[A-Za-z0-9]{8,}$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex KeyFormat();

    [GeneratedRegex("^whsec_[A-Za-z0-9+/=_-]{24,}(,whsec_[A-Za-z0-9+/=_-]{24,})*$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex SecretFormat();
}
