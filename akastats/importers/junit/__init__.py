"""JUnit XML, as pytest, Jest, Go and Surefire write it, told as the records of a spool. Asks no server."""
