"""Convert JUnit XML, as pytest, Jest, Go and Surefire write it, to the records of a spool. Contacts no server."""
