"""The self-check: probes what the installed Claude Code can do, and chooses a fallback if it lacks something."""
