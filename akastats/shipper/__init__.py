"""The process beside a run: it starts the server if it must, delivers spools, and reports back.

It is no child of pytest and shares nothing with it but the spool: what tests do to their process does not
reach it, and it delivers what was written after that process is gone.
"""
