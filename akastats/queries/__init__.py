"""What people ask of runs and tests, composed of operations: the API and the command line share the answers."""
