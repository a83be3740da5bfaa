"""Pure: points and texts in, verdicts out. Knows no server, no file, no clock."""
