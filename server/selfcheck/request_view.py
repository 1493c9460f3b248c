"""What a request to the Messages API holds, as the check looks at it."""

import json
import re
from collections.abc import Mapping

Body = Mapping[str, object]
Turn = tuple[str, tuple[str, ...]]

# Claude Code's own note in the user's turn; newer models get it as a turn of the role `system`.
_NOTE = "<system-reminder>"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def turns(body: Body) -> list[Turn]:
    """The conversation, each turn by its role and texts, without what Claude Code adds of its own."""
    found: list[Turn] = []
    for message in _objects(body.get("messages")):
        if message.get("role") != "system":
            texts = [text for text in _texts(message.get("content")) if not text.startswith(_NOTE)]
            found.append((str(message.get("role")), tuple(texts)))
    return found


def system(body: Body) -> list[str]:
    """The blocks of the system prompt."""
    return _texts(body.get("system"))


def tools(body: Body) -> list[str]:
    """The names of the tools that the model is offered."""
    return [str(tool.get("name") or tool.get("type")) for tool in _objects(body.get("tools"))]


def fields(body: Body) -> dict[str, object]:
    """All but what is said, by whom and in which session: the settings as they arrived."""
    return {name: value for name, value in body.items() if name not in {"messages", "system", "metadata"}}


def masked(body: Body) -> str:
    """The whole of it, without what each process, session and day has of its own."""
    return _DATE.sub("a date", json.dumps({**body, "metadata": None}, sort_keys=True))


def _texts(content: object) -> list[str]:
    """The texts in a content; of a block that is no text, its kind."""
    if isinstance(content, str):
        return [content]
    return [str(block["text"]) if "text" in block else f"({block.get('type')})" for block in _objects(content)]


def _objects(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
