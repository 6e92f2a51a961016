using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

namespace Tracepipe.Storefront.Accounts;

/// <summary>The tables of ASP.NET Core Identity under our names. The schema itself is written in <c>Migrations/0002_accounts.sql</c>; a test compares the two.</summary>
internal sealed class AccountsDb(DbContextOptions<AccountsDb> options) : IdentityUserContext<Person, Guid>(options)
{
    protected override Version SchemaVersion => IdentitySchemaVersions.Version3;

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        builder.Entity<Person>(person =>
        {
            person.ToTable("people");
            person.HasIndex(p => p.NormalizedEmail).HasDatabaseName("people_by_email").IsUnique();
            person.Property(p => p.Email).IsRequired();
            person.Property(p => p.NormalizedEmail).IsRequired();
            person.Property(p => p.SecurityStamp).IsRequired();
            person.Property(p => p.ConcurrencyStamp).IsRequired();
            person.Property(p => p.Id).ValueGeneratedNever();
            // The address is the user name; delays take the place of lockout; there are no telephones.
            person.Ignore(p => p.UserName).Ignore(p => p.NormalizedUserName);
            person.Ignore(p => p.LockoutEnabled).Ignore(p => p.LockoutEnd).Ignore(p => p.AccessFailedCount);
            person.Ignore(p => p.PhoneNumber).Ignore(p => p.PhoneNumberConfirmed);
        });
        builder.Entity<IdentityUserClaim<Guid>>(claim =>
        {
            claim.ToTable("person_claims");
            claim.HasIndex(c => c.UserId).HasDatabaseName("person_claims_by_person");
        });
        builder.Entity<IdentityUserLogin<Guid>>(login =>
        {
            login.ToTable("person_logins");
            login.HasIndex(l => l.UserId).HasDatabaseName("person_logins_by_person");
        });
        builder.Entity<IdentityUserToken<Guid>>().ToTable("person_tokens");
        builder.Entity<IdentityUserPasskey<Guid>>(passkey =>
        {
            passkey.ToTable("person_passkeys");
            passkey.HasIndex(p => p.UserId).HasDatabaseName("person_passkeys_by_person");
        });
        foreach (var property in builder.Model.GetEntityTypes().Where(e => !e.IsOwned()).SelectMany(e => e.GetProperties()))
        {
            property.SetColumnName(property.Name is "UserId" ? "person_id" : Snake(property.Name));
            property.SetMaxLength(null); // PostgreSQL's text needs no limit; forms have theirs
        }
        builder.Entity<IdentityUserPasskey<Guid>>().OwnsOne(p => p.Data).ToJson("data");
    }

    private static string Snake(string name) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(name);
}
