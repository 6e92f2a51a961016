using Microsoft.AspNetCore.Antiforgery;
using Microsoft.Net.Http.Headers;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Traces.Uploads;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Traces.Pages;

/// <summary>What the pages of sessions need besides themselves: a file to download, and the upload form's post without script.</summary>
internal static class SessionRoutes
{
    public static void MapSessionRoutes(this IEndpointRouteBuilder routes)
    {
        var sessions = routes.MapGroup("/o/{org}/sessions").ExcludeFromDescription();
        sessions.MapGet("{id:guid}/file", FileAsync).RequireAuthorization(Permissions.SessionsRead);
        sessions.MapPost("files", UploadAsync).RequireAuthorization(Permissions.SessionsWrite).CountsAs(RequestKind.Upload).DisableAntiforgery();
    }

    private static async Task<IResult> FileAsync(Guid id, HttpContext context, Caller caller, TraceSessions sessions)
    {
        if (await sessions.FindAsync(caller.OrganizationId, id, allowed: null, context.RequestAborted) is not { } session) return TypedResults.StatusCode(StatusCodes.Status404NotFound);
        var (file, refused) = await sessions.OpenAsync(caller.OrganizationId, session, context.RequestAborted);
        if (file is null) return TypedResults.StatusCode(refused!.Status);
        return TypedResults.File(file, "application/octet-stream", session.FileName, session.CreatedAt, new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(session.Sha256)}\""), enableRangeProcessing: true);
    }

    // The form streams: its token is a part of it, read before the file, so the check comes here and not before the route.
    private static async Task<IResult> UploadAsync(string org, HttpContext context, Caller caller, TraceForm form, IAntiforgery antiforgery)
    {
        var (session, refused) = await form.TakeAsync(context, caller, allowed: null, token =>
        {
            context.Request.Headers["RequestVerificationToken"] = token;
            return antiforgery.ValidateRequestAsync(context);
        });
        Flash.Set(context, refused is null ? Tone.Success : Tone.Danger, refused?.Message ?? $"{session!.FileName} is uploaded");
        return new SeeOtherResult(session is null ? $"/o/{org}/sessions/upload" : $"/o/{org}/sessions/{session.Id}");
    }

    /// <summary>Leads on by GET.</summary>
    private sealed class SeeOtherResult(string address) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.SeeOther(address);
            return Task.CompletedTask;
        }
    }
}
