"""Answers in OpenAI's chat form: chunk by chunk, or whole as their fold. Ids and times are passed in."""

from server.openai.reply.fold import ChatFold
from server.openai.reply.form import ReplyForm
from server.openai.reply.stream import ChatStream

__all__ = ["ChatFold", "ChatStream", "ReplyForm"]
