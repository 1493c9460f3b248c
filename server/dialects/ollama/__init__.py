"""Ollama's API: its chat, its completions, and its lists of models."""
