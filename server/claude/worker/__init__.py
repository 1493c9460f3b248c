"""One Claude Code process as a worker: launch, transport, session."""
