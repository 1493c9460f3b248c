"""The self-check: whether the Claude Code at hand does what Drawbridge relies on, and what follows if it does not."""
