using System.Runtime.CompilerServices;
using Npgsql;
using NpgsqlTypes;

namespace Tracepipe.Storefront.Platform;

/// <summary>The answer to one of several <see cref="Questions"/>: readable once they have been run.</summary>
internal sealed class Answer<T>
{
    private bool answered;

    /// <exception cref="InvalidOperationException">The questions have not been run yet.</exception>
    public T Value
    {
        get => answered ? field : throw new InvalidOperationException("The questions have not been run yet.");
        internal set { field = value; answered = true; }
    } = default!;
}

/// <summary>What a statement relied on is not so, or not any more; its transaction has come to nothing.</summary>
internal sealed class OvertakenException(string message, Exception reason) : InvalidOperationException(message, reason)
{
    /// <summary>What the database's function <c>must</c> raises.</summary>
    public const string SqlState = "TP001";
}

/// <summary>
/// Several statements that travel to PostgreSQL in one round trip and one implicit transaction. Holes of the interpolated text become parameters,
/// never text, except a hole that is a statement's piece itself: a <see cref="FormattableString"/> becomes text, its own holes parameters.
/// <code>var keys = q.List($"select id, name from api_keys where organization_id = {org}", r => …);</code>
/// </summary>
internal sealed class Questions
{
    private readonly List<Asked> asked = [];

    /// <param name="Sql">The statement, its holes the parameters.</param>
    /// <param name="Read">Reads the statement's result set; null when it has none.</param>
    /// <param name="Done">Called at the end with the number of changed rows.</param>
    private sealed record Asked(FormattableString Sql, Func<NpgsqlDataReader, CancellationToken, Task>? Read, Action<int>? Done = null);

    internal void Tenant(Guid organization, Guid? person) =>
        asked.Add(new Asked($"select set_config('app.org', {(organization == Guid.Empty ? "" : organization.ToString())}, true), set_config('app.person', {person?.ToString() ?? ""}, true)", static (_, _) => Task.CompletedTask));

    /// <summary>All rows of a SELECT, or of a statement that ends in RETURNING.</summary>
    public Answer<IReadOnlyList<T>> List<T>(FormattableString sql, Func<NpgsqlDataReader, T> map)
    {
        var answer = new Answer<IReadOnlyList<T>>();
        asked.Add(new Asked(sql, async (reader, cancel) =>
        {
            var rows = new List<T>();
            while (await reader.ReadAsync(cancel)) rows.Add(map(reader));
            answer.Value = rows;
        }));
        return answer;
    }

    /// <summary>The first row of a SELECT or of a statement that ends in RETURNING, or the default when there is none.</summary>
    public Answer<T?> First<T>(FormattableString sql, Func<NpgsqlDataReader, T> map)
    {
        var answer = new Answer<T?>();
        asked.Add(new Asked(sql, async (reader, cancel) => answer.Value = await reader.ReadAsync(cancel) ? map(reader) : default));
        return answer;
    }

    /// <summary>The first row, which must be there.</summary>
    /// <param name="missing">What is broken when it is not: the exception's text.</param>
    public Answer<T> Only<T>(FormattableString sql, Func<NpgsqlDataReader, T> map, string missing)
    {
        var answer = new Answer<T>();
        asked.Add(new Asked(sql, async (reader, cancel) => answer.Value = await reader.ReadAsync(cancel) ? map(reader) : throw new InvalidOperationException(missing)));
        return answer;
    }

    /// <summary>A statement for its effect, without a result set of its own (SELECT of a function excepted); the answer is the number of rows it changed.</summary>
    public Answer<int> Execute(FormattableString sql)
    {
        var answer = new Answer<int>();
        var isSelect = sql.Format.AsSpan().TrimStart().StartsWith("select", StringComparison.OrdinalIgnoreCase);
        asked.Add(new Asked(sql, isSelect ? static (_, _) => Task.CompletedTask : null, changed => answer.Value = changed));
        return answer;
    }

    /// <summary>A statement for its effect that changes so many rows and no others.</summary>
    /// <param name="with">What it takes from others that are run with it: <c>name as (…)</c>.</param>
    /// <inheritdoc cref="Must"/>
    public void Exactly(int rows, FormattableString sql, string broken, FormattableString? with = null) =>
        Must($"{(with is null ? $"" : (FormattableString)$"{with}, ")}changed as ({sql} returning 1)", $"(select count(*) from changed) = {rows}", broken);

    /// <summary>Something that is so: else the database itself ends the transaction, also when its commit travels along.</summary>
    /// <param name="with">What is done or looked at: <c>name as (…)</c>.</param>
    /// <param name="so">What is so of it.</param>
    /// <param name="broken">What is broken when it is not: the text of the <see cref="OvertakenException"/>.</param>
    public void Must(FormattableString with, FormattableString so, string broken) => asked.Add(new Asked($"with {with} select must({so}, {broken})", static (_, _) => Task.CompletedTask));

    /// <summary>Rows of values, for <c>from (values …)</c>: one statement for each number of rows.</summary>
    /// <param name="rows">The holes and casts of each row, without parentheses.</param>
    public static FormattableString Values(IReadOnlyList<FormattableString> rows) =>
        FormattableStringFactory.Create("values " + string.Join(", ", Enumerable.Range(0, rows.Count).Select(i => $"({{{i}}})")), [.. rows]);

    internal async Task RunAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await RunAsync(connection, cancel);
    }

    internal async Task RunAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var batch = connection.CreateBatch();
        foreach (var question in asked) batch.BatchCommands.Add(Command(question.Sql));
        try
        {
            await using var reader = await batch.ExecuteReaderAsync(cancel);
            // The reader stands on the first statement that has a result set and steps over those without.
            foreach (var question in asked)
            {
                if (question.Read is null) continue;
                await question.Read(reader, cancel);
                await reader.NextResultAsync(cancel);
            }
            while (await reader.NextResultAsync(cancel)) { }
        }
        catch (PostgresException answer) when (answer.SqlState is OvertakenException.SqlState)
        {
            throw new OvertakenException(answer.MessageText, answer);
        }
        for (var i = 0; i < asked.Count; i++) asked[i].Done?.Invoke(Math.Max(0, batch.BatchCommands[i].RecordsAffected));
    }

    /// <summary>Holes become numbered parameters. <c>null</c> travels as an untyped NULL: cast it in the SQL (<c>{x}::text</c>).</summary>
    internal static NpgsqlBatchCommand Command(FormattableString sql)
    {
        var command = new NpgsqlBatchCommand();
        command.CommandText = Text(sql, command.Parameters);
        return command;
    }

    private static string Text(FormattableString sql, NpgsqlParameterCollection parameters)
    {
        var holes = sql.GetArguments();
        var texts = new object[holes.Length];
        for (var i = 0; i < holes.Length; i++)
        {
            if (holes[i] is FormattableString piece) { texts[i] = Text(piece, parameters); continue; }
            parameters.Add(Parameter(holes[i]));
            texts[i] = "$" + parameters.Count;
        }
        return string.Format(null, sql.Format, texts);
    }

    private static NpgsqlParameter Parameter(object? value) => value switch
    {
        null => new NpgsqlParameter { Value = DBNull.Value },
        NpgsqlParameter parameter => parameter,
        DateTimeOffset at => new NpgsqlParameter { Value = at.ToUniversalTime(), NpgsqlDbType = NpgsqlDbType.TimestampTz },
        Enum name => throw new ArgumentException($"{name.GetType().Name} needs its stored name: write {{value.Stored()}}.", nameof(value)),
        _ => new NpgsqlParameter { Value = value },
    };
}
