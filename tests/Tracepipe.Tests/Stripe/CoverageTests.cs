using Tracepipe.Stripe;
using Tracepipe.StripeSandbox.Api;
using Tracepipe.StripeSandbox.Spec;

namespace Tracepipe.Tests.Stripe;

/// <summary>Catches a call or a parameter of our client that no test could ever make, because the sandbox does not have it.</summary>
public sealed class CoverageTests
{
    [Fact]
    public async Task Whatever_our_client_can_send_the_sandbox_understands()
    {
        var missing = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var name in EveryCall.Names)
        {
            using var answers = new Recorder(new SampleAnswers(ApiDescription.Current!, full: false), missing);
            using var http = new HttpClient(answers);
            await EveryCall.MakeAsync(new StripeClient(http, new StripeOptions { ApiKey = "sk_test_x", ApiBase = new Uri("http://127.0.0.1") }, TimeProvider.System), name);
        }
        Assert.True(missing.Count == 0, string.Join('\n', missing));
    }

    private sealed class Recorder : DelegatingHandler
    {
        private readonly SortedSet<string> _missing;

        public Recorder(HttpMessageHandler inner, SortedSet<string> missing)
        {
            InnerHandler = inner;
            _missing = missing;
        }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var form = request.Content is null ? request.RequestUri!.Query.TrimStart('?') : await request.Content.ReadAsStringAsync(cancellationToken);
            var described = ApiSpec.Dahlia.Match(request.Method.Method, request.RequestUri!.AbsolutePath)!;
            if (Operations.Find(described.Name) is not { } operation) _missing.Add(described.Name);
            else
                foreach (var name in operation.Parameters.Missing(FormReader.Read(form))) _missing.Add($"{described.Name}: {name}");
            return await base.SendAsync(request, cancellationToken);
        }
    }
}
