"""What the routes of a user's own rows have in common: their guard, ids in paths, conditional requests."""
