"""The routes under /control, for our own page and commands."""
