"""A run's write-ahead file, which survives an unreachable server, a killed process and a lost network."""
