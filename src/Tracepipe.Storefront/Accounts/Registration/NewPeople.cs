using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.Registration;

/// <summary>Makes a person whose address is proved, with all that belongs to him, in the caller's transaction.</summary>
internal sealed class NewPeople(IServiceScopeFactory scopes, TimeProvider clock)
{
    /// <param name="passwordHash">Null for somebody who comes from another provider and has not chosen a password here.</param>
    /// <returns>Null when the address has an account; the transaction is then good for nothing but to be rolled back.</returns>
    public async Task<Person?> MakeAsync(string name, string email, string? passwordHash, Transaction transaction, CancellationToken cancel)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<AccountsDb>();
        db.Database.SetDbConnection(transaction.Connection);
        await db.Database.UseTransactionAsync(transaction.Underlying, cancel);
        var person = new Person { Id = Guid.CreateVersion7(), DisplayName = name, Email = email, EmailConfirmed = true, PasswordHash = passwordHash, CreatedAt = clock.GetUtcNow() };
        try
        {
            var made = await scope.ServiceProvider.GetRequiredService<UserManager<Person>>().CreateAsync(person);
            if (!made.Succeeded) throw new InvalidOperationException($"A person could not be made: {string.Join(", ", made.Errors.Select(e => e.Code))}.");
        }
        catch (DbUpdateException taken) when (taken.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            return null;
        }
        await scope.ServiceProvider.RaiseAsync(new PersonMade(person.Id, person.DisplayName, person.Email), transaction, cancel);
        return person;
    }
}
