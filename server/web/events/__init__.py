"""Live events for the dashboard: what happens in the server, as it happens."""
