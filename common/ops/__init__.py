"""Operation: log lines, metrics, and limits of concurrency."""
