"""The spool, a run's write-ahead file: it survives an unreachable server, a killed process and a lost network."""
