"""OpenAI's chat requests as `Turn`s: every word as it was written, and nothing left out without a word."""

from server.openai.request.turn import parse_chat, reply_form, turn_from_chat
from server.turns import FIRST_TURN

__all__ = ["FIRST_TURN", "parse_chat", "reply_form", "turn_from_chat"]
