"""OpenAI's completions of 2022: a text continues a prompt."""
