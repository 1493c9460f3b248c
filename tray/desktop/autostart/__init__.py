"""Start at login, on each operating system."""
