using System.Runtime.InteropServices;
using Tracepipe.StripeSandbox;

var configuration = new ConfigurationBuilder().AddEnvironmentVariables().AddCommandLine(args).Build();
var production = (configuration["environment"] ?? configuration["ASPNETCORE_ENVIRONMENT"] ?? configuration["DOTNET_ENVIRONMENT"]) == "Production";
if (production && !configuration.GetValue("Sandbox:IUnderstand", false))
{
    await Console.Error.WriteLineAsync("The billing sandbox moves no real money and is not meant for Production. Set Sandbox__IUnderstand=true to run it there all the same.");
    return 1;
}

var options = new SandboxOptions { StrictResponses = true };
var section = configuration.GetSection("Sandbox");
// A configured list takes the place of the default one, it does not follow it.
if (section.GetSection("Webhooks:RetrySchedule").Exists()) options.Webhooks.RetrySchedule = [];
if (section.GetSection("Billing:RetryDays").Exists()) options.Billing.RetryDays = [];
section.Bind(options);
if (configuration["urls"] is { } urls) options.Urls = urls;
using var log = LoggerFactory.Create(logging => logging.AddSimpleConsole(console => console.SingleLine = true).AddConfiguration(configuration.GetSection("Logging")));
await using var server = await SandboxServer.StartAsync(options, TimeProvider.System, log);
Console.WriteLine($"Billing sandbox: {server.Url.GetLeftPart(UriPartial.Authority)}");

var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
await stop.Task;
return 0;

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.TrySetResult();
}
