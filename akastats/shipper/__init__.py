"""The process beside a run: it starts the embedded server if necessary, delivers spools, and reports progress.

It is not a child of pytest and shares only files with it. Tests that patch, fork or kill their process do not
affect it, and it delivers the written records after that process has died.
"""
