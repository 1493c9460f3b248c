"""OpenAI's Chat Completions API, and its list of models."""
