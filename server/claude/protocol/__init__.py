"""The messages that Claude Code reads and writes: encoding requests, decoding responses. Pure functions."""
