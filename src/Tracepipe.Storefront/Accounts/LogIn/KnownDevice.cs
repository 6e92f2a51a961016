using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.LogIn;

/// <summary>
/// A cookie that says: on this browser these people have proved themselves before. Their tries there are counted by the device, not by account and
/// network, so that a stranger who guesses at an account cannot keep its owner out. It opens nothing by itself.
/// </summary>
internal sealed class KnownDevice(IDataProtectionProvider protection)
{
    private const string Cookie = "tracepipe-device";
    private const int MostPeople = 5;
    private static readonly TimeSpan Lasts = TimeSpan.FromDays(365);

    private readonly IDataProtector protector = protection.CreateProtector("Tracepipe.KnownDevice");

    /// <summary>The device's name for this person, or null when he has not proved himself on it.</summary>
    public string? Of(HttpContext http, Guid person) => Read(http) is { } device && device.People.Contains(person) ? $"{device.Id:N}/{person:N}" : null;

    public void Remember(HttpContext http, Guid person)
    {
        var device = Read(http);
        var people = (device?.People ?? []).Where(p => p != person).Prepend(person).Take(MostPeople);
        var id = device?.Id ?? new Guid(RandomNumberGenerator.GetBytes(16));
        SiteCookie.Append(http, Cookie, protector.Protect(string.Join('.', people.Prepend(id).Select(g => g.ToString("N")))), Lasts);
    }

    private (Guid Id, List<Guid> People)? Read(HttpContext http)
    {
        if (http.Request.Cookies[SiteCookie.NameFor(http, Cookie)] is not { Length: > 0 } text) return null;
        try
        {
            var parts = protector.Unprotect(text).Split('.').Select(Guid.Parse).ToList();
            return (parts[0], parts[1..]);
        }
        catch (CryptographicException)
        {
            return null; // made up, or by keys that are gone: an unknown device
        }
    }
}
