"""Reads the parts of a recorded Messages API request that the probes compare."""

import json
import re
from collections.abc import Mapping

Body = Mapping[str, object]
# A message's role and its texts.
MessageView = tuple[str, tuple[str, ...]]

# Claude Code's own note inside the user's message; newer models get it as a message of the role `system`.
_NOTE = "<system-reminder>"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def messages(body: Body) -> list[MessageView]:
    """The conversation without what Claude Code adds to it."""
    views: list[MessageView] = []
    for message in _objects(body.get("messages")):
        if message.get("role") != "system":
            texts = [text for text in _texts(message.get("content")) if not text.startswith(_NOTE)]
            views.append((str(message.get("role")), tuple(texts)))
    return views


def system(body: Body) -> list[str]:
    """The blocks of the system prompt."""
    return _texts(body.get("system"))


def tools(body: Body) -> list[str]:
    """The names of the tools offered to the model."""
    return [str(tool.get("name") or tool.get("type")) for tool in _objects(body.get("tools"))]


def settings(body: Body) -> dict[str, object]:
    """All fields but the conversation, the system prompt and the metadata."""
    return {name: value for name, value in body.items() if name not in {"messages", "system", "metadata"}}


def masked(body: Body) -> str:
    """The whole body as text, without what differs between processes, sessions and days."""
    return _DATE.sub("a date", json.dumps({**body, "metadata": None}, sort_keys=True))


def _texts(content: object) -> list[str]:
    """The texts of a content; for a block without text, its type in parentheses."""
    if isinstance(content, str):
        return [content]
    return [str(block["text"]) if "text" in block else f"({block.get('type')})" for block in _objects(content)]


def _objects(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
