using Tracepipe.StripeSandbox.Core;
using Tracepipe.StripeSandbox.Js;

namespace Tracepipe.StripeSandbox.Pages;

/// <summary>The bank's page at <c>/3ds/{attempt}</c>: in a frame of the shop's page, or a page that leads back to the shop.</summary>
internal static class ChallengePages
{
    public static void MapChallenge(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/3ds/{attempt}", Ask);
        routes.MapPost("/3ds/{attempt}", AnswerAsync);
    }

    private static IResult Ask(HttpContext http, Accounts accounts, string attempt) =>
        Challenges.Find(accounts, attempt) is { } challenge ? Show(http, challenge) : Page.NotFound(http);

    private static async Task<IResult> AnswerAsync(HttpContext http, Accounts accounts, string attempt)
    {
        if (Challenges.Find(accounts, attempt) is not { } challenge) return Page.NotFound(http);
        if (!challenge.IsOpen) return Show(http, challenge, StatusCodes.Status409Conflict);
        var outcome = (await http.Request.ReadFormAsync(http.RequestAborted))["outcome"].ToString();
        if (outcome is not ("complete" or "fail")) return Show(http, challenge, StatusCodes.Status400BadRequest);
        var back = Challenges.Complete(accounts, attempt, outcome == "complete");
        var display = Display.Of(http);
        if (back is not null && display.FrameHost is null) return Page.SeeOther(http, back);
        return Page.Of<ChallengeAnswered>(http, display.With(new() { ["Ok"] = outcome == "complete" }), frameHost: display.FrameHost);
    }

    private static IResult Show(HttpContext http, ChallengeView challenge, int status = StatusCodes.Status200OK)
    {
        var display = Display.Of(http);
        var parameters = display.With(new()
        {
            ["Purpose"] = challenge.Description, ["Brand"] = challenge.Brand, ["Last4"] = challenge.Last4, ["IsOpen"] = challenge.IsOpen,
            ["Action"] = http.Request.Path + http.Request.QueryString.ToString(),
        });
        return Page.Of<ChallengePage>(http, parameters, status, challenge.ReturnUrl, display.FrameHost);
    }

    /// <summary>How the page is shown: in a frame of this origin or on its own, light, dark or as the system has it.</summary>
    private sealed record Display(string? FrameHost, string? Scheme)
    {
        public static Display Of(HttpContext http)
        {
            var query = http.Request.Query;
            var host = query["display"] == "frame" ? StandIn.HostOrigin(query["host"]) : null;
            return new Display(host, query["scheme"].ToString() is "dark" or "light" ? query["scheme"].ToString() : null);
        }

        public Dictionary<string, object?> With(Dictionary<string, object?> parameters)
        {
            parameters["InFrame"] = FrameHost is not null;
            parameters["Scheme"] = Scheme;
            return parameters;
        }
    }
}
