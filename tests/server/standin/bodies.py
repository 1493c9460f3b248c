"""Request bodies for the stand-in's tests."""

from collections.abc import Mapping

HEADERS = {"x-api-key": "any", "anthropic-version": "2023-06-01", "content-type": "application/json"}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


def body(**changes: object) -> dict[str, object]:
    """A valid request with these fields changed; a field set to None is removed."""
    whole: Mapping[str, object] = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "hi"}],
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def user_message(*blocks: object) -> dict[str, object]:
    """A user's message of these blocks."""
    return {"role": "user", "content": list(blocks)}


def text(content: str, **more: object) -> dict[str, object]:
    """A text block."""
    return {"type": "text", "text": content, **more}


def image(**source: object) -> dict[str, object]:
    """An image block with this source."""
    return {"type": "image", "source": source}


def tool_use(call: str = "toolu_1", name: str = "look", **more: object) -> dict[str, object]:
    """A tool call."""
    return {"type": "tool_use", "id": call, "name": name, "input": {}, **more}


def tool_result(call: str = "toolu_1", content: object = "seen", **more: object) -> dict[str, object]:
    """A tool result."""
    return {"type": "tool_result", "tool_use_id": call, "content": content, **more}


def tool(name: str = "look", schema: object = None, **more: object) -> dict[str, object]:
    """A tool of the client."""
    return {"name": name, "input_schema": {"type": "object"} if schema is None else schema, **more}


USER: dict[str, object] = {"role": "user", "content": "hi"}


def assistant(*blocks: object) -> dict[str, object]:
    """An assistant's message of these blocks."""
    return {"role": "assistant", "content": list(blocks)}
