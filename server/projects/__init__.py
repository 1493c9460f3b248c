"""Projects: folders of the user's in which Claude Code's own tools may work."""
