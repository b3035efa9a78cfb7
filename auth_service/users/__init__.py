"""Users: registration, the check of a password, roles, changes and deletion."""
