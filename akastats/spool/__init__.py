"""The file a run is written to first: what survives a dead server, a killed process and a full network."""
