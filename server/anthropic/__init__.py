"""Anthropic's own dialect, that of the Messages API."""
