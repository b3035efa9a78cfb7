"""Tokens and the keys that sign them; no Flask, no database."""
