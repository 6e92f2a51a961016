using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Identity;
using Tracepipe.Storefront.Accounts;
using Tracepipe.Storefront.Accounts.Passwords;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Demo;

/// <summary>
/// A demo organization with three months behind it. Owns: who is in it and what happens when. Does not own: how any of it comes about; that is done by the verbs that pages, API
/// and jobs call, under a clock that begins in the past. Nobody else sees that clock: it is over before the product serves.
/// </summary>
internal static class DemoFill
{
    public const string Email = "demo@tracepipe.local";

    private const string Name = "Robin Demo";
    private const int Days = 90;

    /// <summary><c>--demo</c>: fills the demo, once.</summary>
    /// <exception cref="StartupException">Money or other people could be touched, or an earlier start was ended in the middle.</exception>
    public static Task RunAsync(CommandLine command, Composition compose, TextWriter output, CancellationToken cancel) => RunAsync(command, compose, Days, configure: null, output, cancel);

    /// <param name="days">How long ago the demo begins.</param>
    /// <param name="configure">What a test changes.</param>
    public static async Task RunAsync(CommandLine command, Composition compose, int days, Action<WebApplicationBuilder>? configure, TextWriter output, CancellationToken cancel)
    {
        var end = TimeProvider.System.GetUtcNow();
        var clock = new DemoClock(new DateTimeOffset(end.UtcDateTime.Date, TimeSpan.Zero).AddDays(-days).AddHours(8));
        await using var app = await StorefrontApp.PrepareAsync(command, compose, builder =>
        {
            configure?.Invoke(builder);
            if (Refusal(builder) is { } refusal) throw new StartupException(refusal);
            builder.Services.AddSingleton<TimeProvider>(clock);
            builder.Logging.ClearProviders(); // a declined card is part of the story, and what really goes wrong ends it
        }, cancel);
        await using var scope = app.Services.CreateAsyncScope();
        var people = scope.ServiceProvider.GetRequiredService<UserManager<Person>>();
        if (await people.FindByEmailAsync(Email) is { } known)
        {
            // The password is set when everything else is there.
            if (known.PasswordHash is null) throw new StartupException($"An earlier start was ended while it filled the demo: delete {DatabaseHost.DataFolder(app.Web.Configuration)} and start again, or start without --demo.");
            await output.WriteLineAsync($"The demo account {Email} is there already. Its password was printed when it was made; another is set at /forgot-password, whose mail is read at /dev/mail.");
            return;
        }
        await output.WriteLineAsync($"Filling the demo with {days} days of use: this takes about half a minute.");
        var customer = await DemoCustomer.RegisterAsync(app, clock, Name, Email, cancel);
        await new DemoStory(customer, new DemoTurns(app, clock), clock, end, days).PlayAsync(cancel);
        var password = string.Join('-', Enumerable.Range(0, 4).Select(_ => RandomNumberGenerator.GetString("abcdefghjkmnpqrstuvwxyz23456789", 4)));
        var person = await people.FindByEmailAsync(Email) ?? throw new InvalidOperationException("The demo's person has gone.");
        await scope.ServiceProvider.GetRequiredService<PasswordChange>().ChangeAsync(person, password, cancel);
        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"The demo is ready: log in as {Email} with the password {password} (it is not printed again)."));
    }

    private static string? Refusal(WebApplicationBuilder builder)
    {
        var configuration = builder.Configuration;
        if (!builder.Environment.IsDevelopment()) return "--demo makes up a customer and runs in Development only: set ASPNETCORE_ENVIRONMENT=Development, or start without --demo.";
        if (configuration["Stripe:ApiKey"]?.Contains("_live_", StringComparison.Ordinal) is true) return "--demo does not run with a live Stripe key: remove STRIPE_SECRET_KEY, so that payments go to the sandbox, or start without --demo.";
        if (!SandboxHost.IsWanted(configuration))
            return "--demo pays in the sandbox of this start, whose clock it moves: remove STRIPE_SECRET_KEY, Stripe__ApiBase and Stripe__Disabled, or start without --demo.";
        return null;
    }
}
