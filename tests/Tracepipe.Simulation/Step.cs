namespace Tracepipe.Simulation;

/// <summary>One thing that happens. Numbers that point at something (a hold, a purchase) are taken modulo how many there are, so that every list of steps is a history.</summary>
public abstract record Step;

/// <summary>Something that one of the organizations does, or that is done to it.</summary>
public abstract record StepOf(int Who) : Step;

/// <summary>Credits are paid for on the provider's page; the book hears of it with <see cref="Deliver"/>.</summary>
public sealed record TopUp(int Who, long Cents) : StepOf(Who);

/// <summary>A part of a purchase goes back at the provider.</summary>
public sealed record GiveBack(int Who, int Purchase, long Cents) : StepOf(Who);

/// <summary>All webhooks that wait arrive, each so many times; what is told of one purchase before what is told of another, as the number says.</summary>
public sealed record Deliver(int Order, int Times) : Step;

/// <param name="Times">Asked so often at once, under one name.</param>
public sealed record TakeHold(int Who, int Units, int Minutes, int Times) : StepOf(Who);

/// <param name="Units">0: all that is held.</param>
/// <param name="Times">Told so often at once.</param>
public sealed record CommitHold(int Who, int Hold, int Units, int Times) : StepOf(Who);

public sealed record ReleaseHold(int Who, int Hold) : StepOf(Who);

/// <summary>Tokens are reported.</summary>
public sealed record Report(int Who, IReadOnlyList<Reported> Events) : StepOf(Who);

/// <param name="Name">A small number, so that names are used again.</param>
/// <param name="Age">Minutes before now; below 0 ahead of it.</param>
public sealed record Reported(int Name, int Tokens, int Age);

/// <summary>What was reported once is sent again, word for word.</summary>
public sealed record ReportAgain(int Who, int Report) : StepOf(Who);

/// <param name="Cents">Null: no cap.</param>
public sealed record SetCap(int Who, long? Cents) : StepOf(Who);

/// <summary>The card on file may pay for use, or no longer.</summary>
public sealed record SwitchCard(int Who, bool IsOn) : StepOf(Who);

/// <param name="Tier">Null: the plan ends.</param>
public sealed record ChangePlan(int Who, string? Tier) : StepOf(Who);

public sealed record PayHeldBack(int Who) : StepOf(Who);

/// <summary>Somebody asks for an invoice in the middle of the month.</summary>
/// <param name="Crash">Where the process ends on the way, once; null: it does not.</param>
public sealed record Generate(int Who, string? Crash) : StepOf(Who);

public sealed record PayInvoice(int Who, int Invoice) : StepOf(Who);

/// <summary>A record on an invoice was no use.</summary>
public sealed record Correct(int Who, int Record) : StepOf(Who);

/// <summary>Time passes, and the workers do what has become due.</summary>
/// <param name="Crash">Where the process ends on the way, once; null: it does not.</param>
public sealed record Pass(TimeSpan By, string? Crash) : Step;

/// <summary>Until so long before or after the first of the next month.</summary>
public sealed record PassToMonth(TimeSpan After, string? Crash) : Step;
