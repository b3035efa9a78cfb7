"""Databases: connections, transactions, column types and migrations."""
