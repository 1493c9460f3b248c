"""Conversations with agents: their processes, held, resumed, started in advance, or new."""
