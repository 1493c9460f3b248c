"""Conversations that the server keeps for clients that name them, so that they need not send them again."""
