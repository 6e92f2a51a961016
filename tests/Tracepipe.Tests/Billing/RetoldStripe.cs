using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Tracepipe.Tests.App;

namespace Tracepipe.Tests.Billing;

/// <summary>Stands between the product and Stripe and says something else than Stripe: a word that nobody knows yet, for one.</summary>
internal sealed class RetoldStripe : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly Uri stripe;

    private RetoldStripe(WebApplication app, Uri stripe) => (this.app, this.stripe) = (app, stripe);

    /// <summary>What becomes of an answer, by its path; null: nothing.</summary>
    public Func<string, string, string>? Retells { get; set; }

    public Uri Address => new(app.Urls.First());

    public static async Task<RetoldStripe> StartAsync(Uri stripe)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var retold = new RetoldStripe(builder.Build(), stripe);
        retold.app.Run(retold.PassAsync);
        await retold.app.StartAsync();
        return retold;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private async Task PassAsync(HttpContext context)
    {
        var path = context.Request.Path + context.Request.QueryString.ToString();
        using var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), new Uri(stripe, path));
        if (context.Request.ContentLength > 0) request.Content = new StreamContent(context.Request.Body);
        foreach (var (name, values) in context.Request.Headers)
            if (!request.Headers.TryAddWithoutValidation(name, values.ToArray())) request.Content?.Headers.TryAddWithoutValidation(name, values.ToArray());
        request.Headers.Host = null;
        using var answer = await TestApp.Http.SendAsync(request, context.RequestAborted);
        var body = await answer.Content.ReadAsStringAsync(context.RequestAborted);
        context.Response.StatusCode = (int)answer.StatusCode;
        context.Response.ContentType = "application/json";
        foreach (var header in answer.Headers.Where(h => h.Key is "Request-Id" or "Stripe-Version" or "Idempotent-Replayed")) context.Response.Headers[header.Key] = header.Value.First();
        await context.Response.WriteAsync(Retells?.Invoke(context.Request.Path, body) ?? body, context.RequestAborted);
    }
}

/// <summary>The product on the other side of one that retells.</summary>
public sealed class RetoldApp(TestServers servers) : TimedPlanApp(servers)
{
    internal RetoldStripe Line { get; private set; } = null!;

    public override async ValueTask InitializeAsync()
    {
        Line = await RetoldStripe.StartAsync(Servers.Sandbox);
        await base.InitializeAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await Line.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected override void Configure(WebApplicationBuilder builder)
    {
        base.Configure(builder);
        builder.Configuration.AddInMemoryCollection([new("Stripe:ApiBase", Line.Address.ToString().TrimEnd('/'))]);
    }
}
