using Tracepipe.Storefront.Accounts;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Organizations;

/// <summary>The people who run this installation; they are named on its command line only.</summary>
internal static class Operators
{
    /// <summary>Where mail to the operators goes.</summary>
    public static Task<IReadOnlyList<string>> EmailsAsync(Transaction transaction, CancellationToken cancel) =>
        transaction.ListAsync($"select p.email from operators o join people p on p.id = o.person_id order by o.added_at, p.id", r => r.GetString(0), cancel);

    /// <summary><c>tracepipe operator add EMAIL</c></summary>
    /// <exception cref="StartupException">No address was given, or nobody has it.</exception>
    public static async Task<int> AddAsync(IServiceProvider services, IReadOnlyList<string> words, TextWriter output, CancellationToken cancel)
    {
        if (words is not [var email]) throw new StartupException("Name one person: operator add EMAIL.");
        if (await services.GetRequiredService<People>().FindByEmailAsync(email, cancel) is not { } person)
            throw new StartupException($"Nobody has an account with the address {email}: register it first and open the mailed link.");
        var added = 0;
        await using (var transaction = await services.GetRequiredService<Database>().BeginWorkAsync(cancel))
        {
            added = await transaction.ExecuteAsync($"insert into operators (person_id, added_at) values ({person}, {services.GetRequiredService<TimeProvider>().GetUtcNow()}) on conflict do nothing", cancel);
            await transaction.CommitAsync(cancel);
        }
        await output.WriteLineAsync(added == 1 ? $"{email} is an operator now." : $"{email} was an operator already.");
        return 0;
    }
}
