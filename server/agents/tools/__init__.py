"""Tools besides Claude Code's own: the client's, and those for the desktop."""
