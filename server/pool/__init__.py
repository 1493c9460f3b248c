"""The pool: which Claude Code process answers which request."""
