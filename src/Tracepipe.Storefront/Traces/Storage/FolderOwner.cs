using System.Text;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>
/// Whose the folder of traces is: a file in it names the installation, and so does the database. Two installations in one folder would sweep away each other's
/// files, so a foreign folder stops the start.
/// </summary>
internal sealed partial class FolderOwner(Database database, TraceFiles files, TimeProvider clock, ILogger<FolderOwner> log) : IHostedService
{
    /// <summary>The file that names the installation; its first line is the id.</summary>
    public const string Mark = "owner";

    private string MarkPath => Path.Combine(files.Root, Mark);

    /// <summary>Marks the folder as this installation's, or finds it marked so.</summary>
    /// <exception cref="StartupException">It is another's, or cannot be written.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var ours = await Installation.IdAsync(database, clock, cancellationToken);
        try
        {
            if (!File.Exists(MarkPath)) await AdoptAsync(ours, cancellationToken);
            var line = (await File.ReadAllLinesAsync(MarkPath, cancellationToken)).FirstOrDefault() ?? "";
            if (!Guid.TryParse(line, out var theirs) || theirs != ours)
                throw new StartupException($"The traces in {files.Root} belong to another installation (its file “{Mark}” does not name this database, which is {ours}): set Traces__Folder to a folder of its own.");
        }
        catch (Exception unwritable) when (unwritable is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"Traces cannot be kept in {files.Root}: make the folder writable or choose another with Traces__Folder.", unwritable);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>A folder without a mark is new, or of a version that made none: then it holds at least one trace that the database knows, or none at all.</summary>
    private async Task AdoptAsync(Guid ours, CancellationToken cancel)
    {
        if (files.Stored().Any() || files.Incoming().Any())
        {
            if (!await KnowsOneAsync(cancel))
                throw new StartupException($"{files.Root} holds traces of which this database knows none, so they belong to another installation: set Traces__Folder to an empty folder.");
        }
        else if (await HasTracesAsync(cancel)) Missing(log, files.Root);
        DiskFlush.MakeFolder(files.Root);
        var draft = Path.Combine(files.Root, $"{Mark}.{Guid.CreateVersion7():N}");
        try
        {
            await using (var file = new FileStream(draft, FileMode.CreateNew, FileAccess.Write))
            {
                await file.WriteAsync(Encoding.UTF8.GetBytes($"{ours}\nThe traces in this folder belong to the installation of this id. What its database does not know is erased from here.\n"), cancel);
                DiskFlush.File(file);
            }
            HardLink.Make(draft, MarkPath); // in one step: of two installations that come at the same moment, one finds the other's mark
        }
        finally
        {
            File.Delete(draft);
        }
        DiskFlush.Folder(files.Root);
    }

    private async Task<bool> KnowsOneAsync(CancellationToken cancel)
    {
        foreach (var some in files.Stored().Chunk(500))
        {
            var (organizations, hashes) = (some.Select(f => f.Organization).ToArray(), some.Select(f => f.Sha256).ToArray());
            Answer<bool>? known = null;
            await database.WorkReadAsync(q => known = q.First($"""
                select exists (select from unnest({organizations}::uuid[], {hashes}::bytea[]) as f (organization_id, sha256) join trace_files using (organization_id, sha256))
                """, r => r.GetBoolean(0)), cancel);
            if (known!.Value) return true;
        }
        var arriving = files.Incoming().Select(f => f.Id).ToArray();
        Answer<bool>? arrives = null;
        await database.WorkReadAsync(q => arrives = q.First($"select exists (select from trace_uploads where id = any ({arriving}))", r => r.GetBoolean(0)), cancel);
        return arrives!.Value;
    }

    private async Task<bool> HasTracesAsync(CancellationToken cancel)
    {
        Answer<bool>? has = null;
        await database.WorkReadAsync(q => has = q.First($"select exists (select from trace_files where object_id is null)", r => r.GetBoolean(0)), cancel);
        return has!.Value;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Folder} is empty, but the database knows traces: is a disk not mounted?")]
    private static partial void Missing(ILogger log, string folder);
}
