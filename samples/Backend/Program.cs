using Tracepipe.Samples;

await Backend.Build(args).RunAsync();
