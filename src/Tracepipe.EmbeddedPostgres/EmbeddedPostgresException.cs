namespace Tracepipe.Postgres;

/// <summary>Why the embedded PostgreSQL cannot run. The message is one sentence for the person at the terminal and says what to do.</summary>
public sealed class EmbeddedPostgresException(string message, Exception? cause = null) : Exception(message, cause);
