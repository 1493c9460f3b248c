"""The kit of Ollama's completions."""
