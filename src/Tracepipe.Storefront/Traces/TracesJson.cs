using System.Text.Json.Serialization;
using Tracepipe.Storefront.Traces.Formats;

namespace Tracepipe.Storefront.Traces;

/// <summary>How summaries are stored and answered.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TraceSummary))]
[JsonSerializable(typeof(TraceFormat))]
[JsonSerializable(typeof(TraceActivity))]
internal sealed partial class TracesJson : JsonSerializerContext;
