"""The commands for keys: those of apps, that of another endpoint for embeddings, and removing all."""
