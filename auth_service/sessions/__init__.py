"""Sessions: how they start, are refreshed, end and are purged."""
