"""LM Studio's lists of models. Its other paths are OpenAI's under another prefix."""
