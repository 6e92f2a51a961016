using System.ComponentModel;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Traces.Formats;
using Tracepipe.Storefront.Traces.Uploads;

namespace Tracepipe.Storefront.Traces;

/// <summary>The routes of sessions and suites, for keys.</summary>
internal static class TracesApi
{
    public static void MapTracesApi(this IEndpointRouteBuilder routes)
    {
        var suites = routes.MapGroup("/v1/suites").WithTags("Suites");
        suites.MapGet("", ListSuites).RequireAuthorization(Permissions.SessionsRead).WithName("listSuites").AnswersSuites();
        suites.MapGet("{id}", ShowSuite).RequireAuthorization(Permissions.SessionsRead).WithName("getSuite").AnswersSuite();

        var sessions = routes.MapGroup("/v1/sessions").WithTags("Sessions");
        sessions.MapPost("", UploadAsync).RequireAuthorization(Permissions.SessionsWrite).CountsAs(RequestKind.Upload).WithName("createSession").TakesForm().AnswersSession(201).DisableAntiforgery();
        sessions.MapGet("", ListAsync).RequireAuthorization(Permissions.SessionsRead).WithName("listSessions").AnswersSessions();
        sessions.MapGet("{id:guid}", ShowAsync).RequireAuthorization(Permissions.SessionsRead).WithName("getSession").AnswersSession();
        sessions.MapGet("{id:guid}/summary", SummaryAsync).RequireAuthorization(Permissions.SessionsRead).WithName("getSessionSummary").AnswersSummary();
        sessions.MapGet("{id:guid}/file", FileAsync).RequireAuthorization(Permissions.SessionsRead).WithName("getSessionFile").AnswersFile();
        sessions.MapDelete("{id:guid}", DeleteAsync).RequireAuthorization(Permissions.SessionsWrite).WithName("deleteSession");
    }

    /// <summary>List the suites: what traces are recorded for.</summary>
    internal static Ok<ItemList<CatalogSuite>> ListSuites(Catalogs catalogs, HttpContext context)
    {
        var allowed = Allowed(context);
        var items = catalogs.Current.Prices.Suites.Where(s => TraceSessions.IsAllowed(s.Id, allowed)).ToList();
        return TypedResults.Ok(new ItemList<CatalogSuite>(items, items.Count, 1, Math.Max(20, items.Count)));
    }

    /// <summary>Show a suite with its actions and their parameters.</summary>
    internal static Results<Ok<CatalogSuite>, ProblemAnswer> ShowSuite(string id, Catalogs catalogs, HttpContext context) =>
        catalogs.Current.Prices.Suites.FirstOrDefault(s => string.Equals(s.Id, id, StringComparison.Ordinal) && TraceSessions.IsAllowed(s.Id, Allowed(context))) is { } suite ? TypedResults.Ok(suite) : Problem.NotFound("Suite").ToResult();

    /// <summary>Upload a trace: multipart/form-data with suite_id, an optional description and the file trace (or input_events). It streams to storage and is read once.</summary>
    internal static async Task<Results<Created<SessionResponse>, ProblemAnswer>> UploadAsync(HttpContext context, Caller caller, TraceForm form)
    {
        var (session, refused) = await form.TakeAsync(context, caller, Allowed(context), onToken: null);
        return refused is not null ? refused.ToResult() : TypedResults.Created($"/v1/sessions/{session!.Id}", SessionResponse.Of(session));
    }

    /// <summary>List sessions, newest first.</summary>
    internal static async Task<Results<Ok<ItemList<SessionResponse>>, ProblemAnswer>> ListAsync(Caller caller, TraceSessions sessions, HttpContext context, CancellationToken cancel, [Description("Only of this suite.")] string? suite_id = null, [Description("From 1.")] int page = 1, [Description("1 to 100.")] int per_page = 20)
    {
        if (page < 1) return Problem.Invalid("page", "Pages count from 1.").ToResult();
        if (per_page is < 1 or > 100) return Problem.Invalid("per_page", "Ask for 1 to 100 a page.").ToResult();
        if (suite_id is not null && !TraceSessions.IsAllowed(suite_id, Allowed(context))) return Problem.Forbidden(suite_id, $"This key may not touch the suite {suite_id}.").ToResult();
        var (found, total) = await sessions.ListAsync(caller.OrganizationId, suite_id, Allowed(context), (page, per_page), cancel);
        return TypedResults.Ok(new ItemList<SessionResponse>([.. found.Select(SessionResponse.Of)], total, page, per_page));
    }

    /// <summary>Show a session.</summary>
    internal static async Task<Results<Ok<SessionResponse>, ProblemAnswer>> ShowAsync(Guid id, Caller caller, TraceSessions sessions, HttpContext context, CancellationToken cancel) =>
        await sessions.FindAsync(caller.OrganizationId, id, Allowed(context), cancel) is { } session ? TypedResults.Ok(SessionResponse.Of(session)) : Problem.NotFound("Session").ToResult();

    /// <summary>Show what the trace of a session holds.</summary>
    internal static async Task<Results<Ok<TraceSummary>, ProblemAnswer>> SummaryAsync(Guid id, Caller caller, TraceSessions sessions, HttpContext context, CancellationToken cancel) =>
        await sessions.FindAsync(caller.OrganizationId, id, Allowed(context), cancel) is not null && await sessions.SummaryAsync(caller.OrganizationId, id, cancel) is { } summary
            ? TypedResults.Ok(summary) : Problem.NotFound("Session").ToResult();

    /// <summary>Download the trace as it was sent.</summary>
    internal static async Task<Results<FileStreamHttpResult, ProblemAnswer>> FileAsync(Guid id, Caller caller, TraceSessions sessions, HttpContext context, CancellationToken cancel)
    {
        if (await sessions.FindAsync(caller.OrganizationId, id, Allowed(context), cancel) is not { } session) return Problem.NotFound("Session").ToResult();
        var (file, refused) = await sessions.OpenAsync(caller.OrganizationId, session, cancel);
        if (file is null) return refused!.ToResult();
        return TypedResults.File(file, "application/octet-stream", session.FileName, session.CreatedAt, new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(session.Sha256)}\""), enableRangeProcessing: true);
    }

    /// <summary>Delete a session: at once from lists and metering, within a minute from disk.</summary>
    internal static async Task<Results<NoContent, ProblemAnswer>> DeleteAsync(Guid id, Caller caller, TraceSessions sessions, HttpContext context, CancellationToken cancel) =>
        await sessions.DeleteAsync(caller, [id], Allowed(context), context.Connection.RemoteIpAddress?.ToString(), cancel) is [] ? Problem.NotFound("Session").ToResult() : TypedResults.NoContent();

    /// <summary>The suites of the calling key; null: all of them.</summary>
    internal static IReadOnlyList<string>? Allowed(HttpContext context) => context.Features.Get<VerifiedKey>()?.Suites;
}

/// <summary>A page of things.</summary>
internal sealed record ItemList<T>(IReadOnlyList<T> Items, int Total, int Page, int PerPage);

/// <param name="Bytes">As sent and stored.</param>
/// <param name="Sha256">Of the file as sent, hexadecimal.</param>
/// <param name="Truncated">The file broke off between two events; all that came before was read.</param>
/// <param name="DuplicateOf">The session that has the same file: its bytes are stored and metered once.</param>
/// <param name="KeepUntil">When it deletes itself; never when null.</param>
internal sealed record SessionResponse(Guid Id, string SuiteId, string Description, string FileName, long Bytes, string Sha256, TraceFormat Format, bool Truncated, long Events, double DurationMs, Guid? DuplicateOf, DateTimeOffset CreatedAt, DateTimeOffset? KeepUntil)
{
    public static SessionResponse Of(TraceSession s) => new(s.Id, s.SuiteId, s.Description, s.FileName, s.Bytes, Convert.ToHexStringLower(s.Sha256), s.Head.Format, s.Head.Truncated, s.Head.Events, s.Head.DurationMs, s.DuplicateOf, s.CreatedAt, s.KeepUntil);
}
