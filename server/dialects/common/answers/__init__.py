"""Structured answers: the schema that Claude gets, and the check of what it answers."""
