"""Computer use on macOS."""
