"""Pure: points and profiles in, verdicts out."""
