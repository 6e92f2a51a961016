using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Traces.Uploads;

/// <summary>
/// Uploads in pieces by the tus 1.0.0 protocol (https://tus.io/protocols/resumable-upload): core, creation, expiration, termination. Programs send a key to
/// <c>/v1/uploads</c>, the upload page its cookie and the antiforgery header to <c>/o/{org}/uploads</c>.
/// </summary>
internal static class TusApi
{
    private const string Version = "1.0.0";

    /// <summary>On the answer to the last piece: the id of the session that the upload became.</summary>
    public const string SessionHeader = "Tracepipe-Session";

    public static void MapTus(this IEndpointRouteBuilder routes)
    {
        MapAt(routes.MapGroup("/v1/uploads").WithTags("Sessions"));
        MapAt(routes.MapGroup("/o/{org}/uploads").ExcludeFromDescription().AddEndpointFilter(CookieCalls.CheckAsync).DisableCookieRedirect());
    }

    private static void MapAt(RouteGroupBuilder uploads)
    {
        uploads.AddEndpointFilter(SpeaksTusAsync);
        uploads.MapMethods("", ["OPTIONS"], Options).RequireAuthorization(Permissions.SessionsWrite).EndsWith(204, "Tus-Version, Tus-Extension and Tus-Max-Size say what the server can.");
        uploads.MapPost("", BeginAsync).RequireAuthorization(Permissions.SessionsWrite).CountsAs(RequestKind.Upload).DisableAntiforgery().BeginsUpload();
        uploads.MapMethods("{id:guid}", ["HEAD"], StandsAsync).RequireAuthorization(Permissions.SessionsWrite).StandsUpload();
        uploads.MapPatch("{id:guid}", AppendAsync).RequireAuthorization(Permissions.SessionsWrite).DisableAntiforgery().TakesPiece();
        uploads.MapDelete("{id:guid}", EndAsync).RequireAuthorization(Permissions.SessionsWrite).DisableAntiforgery().EndsWith(204, "The upload has ended and what had arrived is erased.");
    }

    /// <summary>What the server can: the extensions of the protocol.</summary>
    internal static IResult Options(HttpContext context, Microsoft.Extensions.Options.IOptions<TracesOptions> options)
    {
        context.Response.Headers["Tus-Version"] = Version;
        context.Response.Headers["Tus-Extension"] = "creation,expiration,termination";
        context.Response.Headers["Tus-Max-Size"] = options.Value.MaxFileBytes.ToString();
        return TypedResults.NoContent();
    }

    /// <summary>Begin an upload in pieces: Upload-Length, and Upload-Metadata with suite_id, filename, and optionally description and sha256 (hexadecimal).</summary>
    internal static async Task<IResult> BeginAsync(HttpContext context, Caller caller, TraceUploads uploads)
    {
        if (!long.TryParse(context.Request.Headers["Upload-Length"], out var bytes)) return Problem.BadRequest("The header Upload-Length is missing: the bytes of the whole file.").ToResult();
        if (Metadata(context.Request.Headers["Upload-Metadata"].ToString()) is not { } said) return Problem.BadRequest("Upload-Metadata holds pairs of a name and a Base64 value, separated by commas.").ToResult();
        if (!said.TryGetValue("suite_id", out var suite)) return Problem.Invalid("suite_id", "Upload-Metadata must name the suite_id.").ToResult();
        byte[]? sha256 = null;
        if (said.TryGetValue("sha256", out var hex))
        {
            if (hex.Length != 64 || !hex.All(char.IsAsciiHexDigit)) return Problem.Invalid("sha256", "Write the SHA-256 in 64 hexadecimal digits.").ToResult();
            sha256 = Convert.FromHexString(hex);
        }
        var wish = new TraceWish(suite, said.GetValueOrDefault("description"), said.GetValueOrDefault("filename"));
        var (upload, refused) = await uploads.BeginAsync(caller, wish, TracesApi.Allowed(context), bytes, sha256, context.RequestAborted);
        return refused is not null ? refused.ToResult() : TypedResults.Created($"{context.Request.PathBase}{context.Request.Path.Value!.TrimEnd('/')}/{upload!.Id}");
    }

    /// <summary>Where an upload stands.</summary>
    internal static async Task<IResult> StandsAsync(Guid id, HttpContext context, Caller caller, TraceUploads uploads)
    {
        context.Response.Headers.CacheControl = "no-store";
        if (await uploads.FindAsync(caller.OrganizationId, id, TracesApi.Allowed(context), context.RequestAborted) is not { } upload) return TypedResults.StatusCode(StatusCodes.Status404NotFound);
        Say(context, upload);
        context.Response.Headers["Upload-Length"] = upload.Bytes.ToString();
        return TypedResults.StatusCode(StatusCodes.Status200OK);
    }

    /// <summary>Send the next piece, from Upload-Offset on. The answer to the last one names the session.</summary>
    internal static async Task<IResult> AppendAsync(Guid id, HttpContext context, Caller caller, TraceUploads uploads, UploadSlots slots)
    {
        if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type) || !type.MediaType.Equals("application/offset+octet-stream", StringComparison.OrdinalIgnoreCase)) return new Problem(415, "unsupported_media_type", "Send the piece as application/offset+octet-stream.").ToResult();
        if (TraceForm.CodedOf(context.Request) is { } coded) return coded.ToResult();
        if (!long.TryParse(context.Request.Headers["Upload-Offset"], out var offset) || offset < 0) return Problem.BadRequest("The header Upload-Offset is missing: where this piece begins.").ToResult();
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = null; // the announced length is the limit
        using var slot = slots.TryTake(caller.OrganizationId);
        if (slot is null) return UploadSlots.Full.ToResult();
        var (upload, refused) = await uploads.AppendAsync(caller, id, TracesApi.Allowed(context), offset, context.Request.Body, context.Request.ContentLength, context.RequestAborted);
        if (refused is not null) return refused.ToResult();
        Say(context, upload!);
        return TypedResults.NoContent();
    }

    /// <summary>End an upload and erase what has arrived.</summary>
    internal static async Task<IResult> EndAsync(Guid id, HttpContext context, Caller caller, TraceUploads uploads) =>
        await uploads.EndAsync(caller.OrganizationId, id, TracesApi.Allowed(context), context.RequestAborted) ? TypedResults.NoContent() : Problem.NotFound("Upload").ToResult();

    private static void Say(HttpContext context, TraceUpload upload)
    {
        context.Response.Headers["Upload-Offset"] = upload.Received.ToString();
        if (upload.SessionId is { } session) context.Response.Headers[SessionHeader] = session.ToString();
    }

    private static async ValueTask<object?> SpeaksTusAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        http.Response.Headers["Tus-Resumable"] = Version;
        if (HttpMethods.IsOptions(http.Request.Method) || string.Equals(http.Request.Headers["Tus-Resumable"], Version, StringComparison.Ordinal)) return await next(context);
        http.Response.Headers["Tus-Version"] = Version;
        return new Problem(StatusCodes.Status412PreconditionFailed, "bad_request", $"Send the header Tus-Resumable: {Version}.").ToResult();
    }

    private static Dictionary<string, string>? Metadata(string header)
    {
        var said = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in header.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var space = pair.IndexOf(' ', StringComparison.Ordinal);
            var bytes = new byte[pair.Length];
            if (space < 0) said.TryAdd(pair, "");
            else if (!Convert.TryFromBase64String(pair[(space + 1)..], bytes, out var length) || !said.TryAdd(pair[..space], Encoding.UTF8.GetString(bytes, 0, length))) return null;
        }
        return said;
    }
}
