"""What an OpenAI client may send: tolerant of what it adds, exact about what it says."""

from server.openai.shapes.chat import ChatMessage, ChatRequest

__all__ = ["ChatMessage", "ChatRequest"]
