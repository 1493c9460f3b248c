"""Claude Code as an engine: the only place that knows its CLI and its SDK."""
