"""The forms in which clients request embeddings, by path: OpenAI's (also Azure's and LM Studio's), and Ollama's two."""
