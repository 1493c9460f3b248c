"""The stand-in's validation: rejects what the Messages API would reject."""
