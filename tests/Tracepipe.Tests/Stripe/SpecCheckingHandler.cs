namespace Tracepipe.Tests.Stripe;

/// <summary>Fails the test whose request Stripe would refuse to understand: an unknown path, parameter or value.</summary>
internal sealed class SpecCheckingHandler(ApiDescription description, bool anyValue = false) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var body = request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken);
        var wrong = description.CheckRequest(request.Method.Method, request.RequestUri!.PathAndQuery, body, anyValue);
        if (wrong.Count > 0) Assert.Fail(string.Join('\n', wrong));
        if (request.Method == HttpMethod.Post && !request.Headers.Contains("Idempotency-Key")) Assert.Fail($"{request.RequestUri.AbsolutePath}: a POST without an idempotency key");
        return await base.SendAsync(request, cancellationToken);
    }
}
