using System.Diagnostics.Metrics;
using Tracepipe.Storefront.Accounts.LogIn;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.External;

/// <summary>What becomes of sign-ins with providers: a row for each, a number for the metrics, a line for the log, and for people an entry in their audit log.</summary>
internal sealed partial class SignInLog(Database database, IServiceProvider services, TimeProvider clock, ILogger<SignInLog> log)
{
    private static readonly Counter<long> SignIns = Telemetry.Meter.CreateCounter<long>("tracepipe.sign_ins", description: "Sign-ins with a provider, by provider and outcome.");

    /// <summary>Notes that somebody came in, or that a way in was linked.</summary>
    /// <param name="outcome"><c>signed_in</c>, <c>registered</c>, <c>linked</c>, <c>proof_asked</c>.</param>
    public async Task SucceededAsync(HttpContext http, OidcProvider provider, string outcome, Guid? person)
    {
        await WriteAsync(http, provider, outcome, person);
        Succeeded(log, provider.Name, outcome, http.TraceIdentifier);
    }

    /// <summary>Notes that nobody came in.</summary>
    /// <param name="detail">For the log: no secret, and nothing that a stranger chose the words of.</param>
    public async Task FailedAsync(HttpContext http, OidcProvider provider, SignInProblem problem, Guid? person, string detail)
    {
        var code = SignInWords.Of(problem, "").Code;
        await WriteAsync(http, provider, code, person);
        Failed(log, provider.Name, code, detail, http.TraceIdentifier);
    }

    private async Task WriteAsync(HttpContext http, OidcProvider provider, string outcome, Guid? person)
    {
        SignIns.Add(1, new KeyValuePair<string, object?>("provider", provider.Name), new KeyValuePair<string, object?>("outcome", outcome));
        var address = Tried.NetworkOf(http.Connection.RemoteIpAddress);
        await using var transaction = await database.BeginWorkAsync(http.RequestAborted);
        await transaction.ExecuteAsync($"""
            insert into external_sign_ins (id, at, provider, outcome, person_id, address, reference)
            values ({Guid.CreateVersion7()}, {clock.GetUtcNow()}, {provider.Name}, {outcome}, {person}::uuid, {address}, {http.TraceIdentifier})
            """, http.RequestAborted);
        if (person is { } known && outcome is not "linked" and not "registered") await services.RaiseAsync(new AccountActed(known, $"sign_in.{outcome}", provider.Name, address), transaction, http.RequestAborted);
        await transaction.CommitAsync(http.RequestAborted);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Sign-in with {Provider}: {Outcome}, reference {Reference}")]
    private static partial void Succeeded(ILogger log, string provider, string outcome, string reference);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Sign-in with {Provider} failed: {Problem}, {Detail}, reference {Reference}")]
    private static partial void Failed(ILogger log, string provider, string problem, string detail, string reference);
}
