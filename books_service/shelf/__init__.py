"""The shelf of one user: its statements, a file for each use."""
