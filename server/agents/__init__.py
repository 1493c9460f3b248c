"""Agent mode: Claude Code's own tools work in the folder of a project."""
