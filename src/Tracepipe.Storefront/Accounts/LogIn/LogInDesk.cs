using Microsoft.AspNetCore.Identity;
using Tracepipe.Storefront.Accounts.Passwords;
using Tracepipe.Storefront.Accounts.Sessions;

namespace Tracepipe.Storefront.Accounts.LogIn;

/// <summary>How a try to log in ended.</summary>
/// <param name="Person">Who it is, when the password was right.</param>
/// <param name="WaitSeconds">Set when the try was not examined because it came too early.</param>
internal readonly record struct TriedLogIn(Person? Person, int? WaitSeconds);

/// <summary>Examines an address and a password. The work, and so the time, is the same for addresses that nobody has.</summary>
internal sealed class LogInDesk(UserManager<Person> people, PasswordWork passwords, Delays delays, KnownDevice devices, SessionCookie cookie)
{
    /// <summary>Examines a password, counting the try; nobody is signed in yet.</summary>
    public async Task<TriedLogIn> ExamineAsync(HttpContext http, string email, string password, CancellationToken cancel)
    {
        var person = await people.FindByEmailAsync(email);
        var device = devices.Of(http, person?.Id ?? Guid.Empty);
        var own = device is null ? delays.Account(people.NormalizeEmail(email)!) : delays.Device(device);
        Tried? shared = device is null ? delays.Network(Tried.NetworkOf(http.Connection.RemoteIpAddress)) : null;

        if (await delays.TakeAsync(shared is { } s ? [own, s] : [own], cancel) is { } seconds) return new(null, seconds);

        var result = await passwords.VerifyAsync(person?.PasswordHash, password, cancel);
        if (person is null || result is PasswordVerificationResult.Failed) return default;

        await delays.GiveBackAsync(own, shared, cancel);
        if (result is PasswordVerificationResult.SuccessRehashNeeded)
        {
            person.PasswordHash = await passwords.HashAsync(password, cancel);
            await people.UpdateAsync(person);
        }
        return new(person, null);
    }

    /// <summary>Signs the browser in and remembers it as one this person uses.</summary>
    /// <returns>The session.</returns>
    public async Task<Guid> AdmitAsync(HttpContext http, Person person)
    {
        var session = await cookie.SignInAsync(http, person);
        devices.Remember(http, person.Id);
        return session;
    }
}
