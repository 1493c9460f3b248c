"""One agent's process, and what it writes."""
