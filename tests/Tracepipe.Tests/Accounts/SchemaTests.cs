using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Tracepipe.Storefront.Accounts;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Accounts;

/// <summary>Catches: a migration that differs from what Identity's store reads and writes, and a page that could read more of people than their names.</summary>
public sealed class SchemaTests(TestApp app) : IClassFixture<TestApp>
{
    // Seen to fail when a column of the migration was made nullable, and when an index was dropped.
    [Fact]
    public async Task The_mapped_model_is_the_real_schema()
    {
        using var scope = app.Services.CreateScope();
        var tables = scope.ServiceProvider.GetRequiredService<AccountsDb>().GetService<IDesignTimeModel>().Model.GetRelationalModel().Tables.ToList();
        Assert.Equal(["people", "person_claims", "person_logins", "person_passkeys", "person_tokens"], tables.Select(t => t.Name).Order(StringComparer.Ordinal));
        foreach (var table in tables)
        {
            Assert.Equal(MappedColumns(table), await RealAsync($"""
                select a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then '' else ' null' end
                from pg_attribute a where a.attrelid = '{table.Name}'::regclass and a.attnum > 0 and not a.attisdropped
                """));
            Assert.Equal(MappedIndexes(table), await RealAsync($"""
                select case when i.indisprimary then 'key' else c.relname end || case when i.indisunique then ' unique' else '' end || ': ' ||
                       (select string_agg(a.attname, ', ' order by k.n) from unnest(i.indkey) with ordinality k(attnum, n) join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum)
                from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = '{table.Name}'::regclass
                """));
            Assert.Equal(MappedReferences(table), await RealAsync($"""
                select a.attname || ' → ' || f.confrelid::regclass::text || ' ' || f.confdeltype::text
                from pg_constraint f join pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[1] where f.contype = 'f' and f.conrelid = '{table.Name}'::regclass
                """));
        }
    }

    [Fact]
    public async Task Pages_may_read_names_of_people_and_nothing_else_about_them()
    {
        await app.ExecuteAsync("insert into people values (gen_random_uuid(), 'Ada', 'ada@x.test', 'ADA@X.TEST', true, 'hash', 'stamp', 'stamp', false, now())");
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(app.ConnectionString) { Options = "-c role=tracepipe_web", Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        // Row-level security: a stranger's name is not there either.
        await using (var names = new NpgsqlCommand("select count(display_name) from people", connection)) Assert.Equal(0L, await names.ExecuteScalarAsync());
        foreach (var forbidden in new[] { "select password_hash from people", "select * from people", "select * from registrations", "select * from mailed_links", "select * from signed_in_devices", "update people set display_name = 'x'" })
        {
            await using var command = new NpgsqlCommand(forbidden, connection);
            var refused = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync());
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
        }
    }

    // Seen to fail when the walls of one table were taken down, and when the log could be changed.
    [Fact]
    public async Task Every_table_of_an_organization_that_pages_reach_has_its_walls_and_what_is_in_the_audit_log_stays()
    {
        Assert.Empty(await RealAsync("""
            select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'organization_id' and not a.attisdropped
            where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and not c.relrowsecurity
              and has_any_column_privilege('tracepipe_web', c.oid, 'select, insert, update')
            """));
        foreach (var role in new[] { "tracepipe_web", "tracepipe_work" })
        {
            await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(app.ConnectionString) { Options = $"-c role={role}", Pooling = false }.ConnectionString);
            await connection.OpenAsync();
            foreach (var change in new[] { "update audit_entries set target = 'x'", "delete from audit_entries", "truncate audit_entries" })
            {
                await using var command = new NpgsqlCommand(change, connection);
                Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync())).SqlState);
            }
        }
    }

    private async Task<List<string>> RealAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(app.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync()) rows.Add(reader.GetString(0));
        return [.. rows.Order(StringComparer.Ordinal)];
    }

    private static IEnumerable<string> MappedColumns(ITable table) =>
        table.Columns.Select(c => $"{c.Name} {c.StoreType}{(c.IsNullable ? " null" : "")}").Order(StringComparer.Ordinal);

    private static IEnumerable<string> MappedIndexes(ITable table) =>
        table.Indexes.Select(i => $"{i.Name}{(i.IsUnique ? " unique" : "")}: {string.Join(", ", i.Columns.Select(c => c.Name))}")
            .Append($"key unique: {string.Join(", ", table.PrimaryKey!.Columns.Select(c => c.Name))}").Order(StringComparer.Ordinal);

    private static IEnumerable<string> MappedReferences(ITable table) =>
        table.ForeignKeyConstraints.Select(f => $"{f.Columns[0].Name} → {f.PrincipalTable.Name} {(f.OnDeleteAction is ReferentialAction.Cascade ? 'c' : 'a')}").Order(StringComparer.Ordinal);
}
