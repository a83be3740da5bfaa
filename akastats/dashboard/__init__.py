"""The dashboard: one HTML page and its files."""
