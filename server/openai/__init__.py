"""OpenAI's dialect: chat completions and models."""
