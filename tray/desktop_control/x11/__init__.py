"""Computer use on X11."""
