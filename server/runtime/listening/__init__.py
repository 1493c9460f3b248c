"""The server's listeners: their connections, and how each is closed."""
