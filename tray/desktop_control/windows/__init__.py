"""Computer use on Windows."""
