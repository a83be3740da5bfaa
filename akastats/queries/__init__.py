"""Queries about runs, tests and verdicts that the API and the command line share."""
