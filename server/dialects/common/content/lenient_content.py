"""Reads contents and parts of messages that clients write in other forms than the APIs document."""

from collections.abc import Mapping
from types import MappingProxyType

from server.dialects.common.wire_types import json_text

TEXT_TYPES = frozenset({"text", "input_text", "output_text", "summary_text"})
_INFERRED = ("text", "image_url", "input_audio", "file", "refusal")
_RENAMED: Mapping[str, str] = MappingProxyType({"computer_screenshot": "input_image", "plaintext": "text"})
_CALLS = frozenset({"tool_call", "tool-call"})
_RESULTS = frozenset({"tool_result", "tool-result"})
_MARKS = frozenset({"cache_control", "cachePoint", "cache_point"})


def loose_text(value: object) -> object:
    """Returns a number as text, and nothing for an array, an object or a boolean."""
    if isinstance(value, str) or value is None:
        return value
    return json_text(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def object_in_array(value: object) -> object:
    """Returns one object in an array."""
    return [value] if isinstance(value, dict) and value else value


def text_in(value: object) -> object:
    """Returns the text of a part: null is empty, OpenAI's Assistants nest it, and other JSON is its JSON text."""
    if isinstance(value, Mapping) and isinstance(value.get("value"), str):
        return value["value"]
    return value if isinstance(value, str) else "" if value is None else json_text(value)


def as_content(value: object) -> object:
    """Returns the content of a message: a string or an array of parts; other JSON is its JSON text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return [value] if _may_be_part(value) else json_text(value)
    if not isinstance(value, list):
        return json_text(value)
    given = [item for item in value if item is not None and item is not False]
    return json_text(value) if given and not any(_may_be_part(item) for item in given) else value


def as_part(value: object) -> object:
    """Returns a part with a type. LangChain puts strings into arrays of parts, JavaScript puts null and false."""
    if isinstance(value, str):
        return _text(value)
    if value is None or value is False:
        return _text("")
    if not isinstance(value, dict):
        return _text(json_text(value))
    kind = value.get("type")
    if isinstance(kind, str):
        kind = _RENAMED.get(kind.strip().lower(), kind.strip().lower())
    else:
        kind = next((name for name in _INFERRED if value.get(name) is not None), None)
        if kind is None:
            return _text("" if value and value.keys() <= _MARKS else json_text(value))
    if kind in _CALLS:
        return _call(value)
    if kind == "tool-result":
        return _result(value)
    part = value if kind == value.get("type") else {**value, "type": kind}
    if kind in TEXT_TYPES and part.get("text") is None:
        inner = part.get("content")
        return {**part, "text": text_in(part.get("value") if inner is None else inner)}
    if kind == "file" and not isinstance(part.get("file"), Mapping):
        return _file(part)
    return _image(part) if kind in {"image", "image_url"} else part


def _image(part: dict[str, object]) -> dict[str, object]:
    """Returns an image of MCP, LangChain or the AI SDK in the form of Anthropic's or OpenAI's API."""
    if isinstance(part.get("source"), Mapping):
        return part
    media_type = next(
        (part[name] for name in ("mimeType", "mime_type", "mediaType", "media_type") if name in part), None
    )
    data = part.get("data") or part.get("base64")
    if isinstance(data, str):
        return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}
    url = part.get("image_url") or part.get("image") or part.get("url")
    return part if url is None else {"type": "image_url", "image_url": url}


def _call(part: dict[str, object]) -> dict[str, object]:
    """Returns a call of LangChain or the AI SDK in the form of Anthropic's API."""
    fields = {"id": ("id", "toolCallId"), "name": ("name", "toolName"), "input": ("args", "input", "arguments")}
    found = {name: next((part[key] for key in keys if key in part), None) for name, keys in fields.items()}
    return {"type": "tool_use", **found}


def _result(part: dict[str, object]) -> dict[str, object]:
    """Returns a result of the AI SDK in the form of Anthropic's API."""
    output = part.get("result") if part.get("output") is None else part["output"]
    kind = output.get("type") if isinstance(output, Mapping) and "value" in output else None
    failed = part.get("isError") or (isinstance(kind, str) and kind.startswith("error"))
    if isinstance(kind, str):
        assert isinstance(output, Mapping)
        output = output["value"]
    return {"type": "tool_result", "tool_use_id": part.get("toolCallId"), "content": output, "is_error": bool(failed)}


def holds_results(content: object) -> bool:
    """Whether the content of a message consists of results with the ids of their calls."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(part, Mapping) and part.get("type") in _RESULTS for part in content)
    )


def _file(part: dict[str, object]) -> dict[str, object]:
    """Returns a file of LangChain or the AI SDK in the form of OpenAI's API."""
    data = part.get("file_data") or part.get("data") or part.get("base64")
    url = part.get("file_url") or part.get("url")
    if data is None and url is None and part.get("file_id") is None:
        return part
    name = part.get("filename") or part.get("name")
    file = {"file_data": data, "file_url": url, "file_id": part.get("file_id"), "filename": name}
    return {"type": "file", "file": file}


def _may_be_part(value: object) -> bool:
    if isinstance(value, Mapping):
        return isinstance(value.get("type"), str) or any(value.get(name) is not None for name in (*_INFERRED, *_MARKS))
    return isinstance(value, str)


def _text(text: str) -> dict[str, object]:
    return {"type": "text", "text": text}
