using System.Security.Cryptography;
using Microsoft.AspNetCore.Identity;

namespace Tracepipe.Storefront.Accounts.Passwords;

/// <summary>
/// Hashes and verifies passwords (PBKDF2-HMAC-SHA512, see <see cref="Iterations"/>). Each takes tens of milliseconds of one core, so no more run at once
/// than there are cores: a flood of log-ins waits here instead of starving everything else.
/// </summary>
internal sealed class PasswordWork(IPasswordHasher<Person> hasher) : IDisposable
{
    /// <summary>OWASP's figure for PBKDF2-HMAC-SHA512 (Password Storage Cheat Sheet, 2023: 210,000), rounded up.</summary>
    public const int Iterations = 220_000;

    private readonly SemaphoreSlim cores = new(Environment.ProcessorCount);

    // Nobody's password, for addresses nobody has: looking one up takes as long as a wrong password.
    private readonly Lazy<string> nobodys = new(() => hasher.HashPassword(null!, Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))));

    public async Task<string> HashAsync(string password, CancellationToken cancel)
    {
        await cores.WaitAsync(cancel);
        try
        {
            return hasher.HashPassword(null!, password);
        }
        finally
        {
            cores.Release();
        }
    }

    /// <summary>Compares with a stored hash; without one the same work is done and the answer is <see cref="PasswordVerificationResult.Failed"/>.</summary>
    public async Task<PasswordVerificationResult> VerifyAsync(string? hash, string password, CancellationToken cancel)
    {
        await cores.WaitAsync(cancel);
        try
        {
            var result = hasher.VerifyHashedPassword(null!, hash ?? nobodys.Value, password);
            return hash is null ? PasswordVerificationResult.Failed : result;
        }
        finally
        {
            cores.Release();
        }
    }

    /// <summary>Makes the dummy hash before the first request, which would otherwise be slower for an unknown address.</summary>
    public void Warm() => _ = nobodys.Value;

    public void Dispose() => cores.Dispose();
}
