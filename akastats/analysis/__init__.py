"""Analyse runs: profiles and histories in, verdicts out. Pure: without a server, files or a clock."""
