"""Live events for the page: what happens in the server, as it happens."""
