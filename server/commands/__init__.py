"""The command line: serve, status, stop, ask, login, doctor."""
