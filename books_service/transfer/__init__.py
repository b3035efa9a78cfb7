"""Whole shelves as CSV and NDJSON, in and out."""
