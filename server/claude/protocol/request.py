"""Encodes a conversation as frames for Claude Code's stdin: each message with its own role."""

import uuid
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from server.claude.protocol.frames import Frame
from server.claude.protocol.thinking import thinking_body
from server.claude.protocol.tool_arguments import object_from
from server.claude.protocol.tool_keys import KeyNames, renamed_keys
from server.claude.protocol.tool_names import legal_name
from server.claude.protocol.tools import offered, tools_body
from server.conversation.parts import (
    Document,
    Image,
    Message,
    Part,
    RedactedThinking,
    SearchResult,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from server.conversation.request import ModelSettings, Profile, Tool
from server.conversation.text import is_blank
from server.large_json import dumps, loads

_SESSION = "default"
EXTRA_BODY = "CLAUDE_CODE_EXTRA_BODY"
NO_KEYS: KeyNames = MappingProxyType({})
_NOTHING: Mapping[str, object] = MappingProxyType({})


def late_fields(profile: Profile) -> dict[str, object]:
    """The profile's fields of the `initialize` request."""
    prompt = {"systemPrompt": [profile.system]} if profile.system else {}
    return {**prompt, **offered(profile.tools)}


def settings_body(
    settings: ModelSettings,
    tools: tuple[Tool, ...] = (),
    *,
    model: str | None = None,
    is_live: bool = False,
    extra: Mapping[str, object] = _NOTHING,
) -> dict[str, object]:
    """The `apply_flag_settings` of one request. Names every setting, so that none remains from the request before.

    `model` is the id that `settings.model` resolves to, if known. The model is a setting and not part of the extra
    body, which would change only its name upstream: thinking, limits and prices would stay those of the first model.
    `extra`: more fields for the request to Claude.
    """
    extra = {**extra, **tools_body(tools, settings.tool_choice, is_live=is_live)}
    extra |= thinking_body(settings, model or settings.model)
    if settings.stop_sequences:
        extra["stop_sequences"] = list(settings.stop_sequences)
    if settings.schema is not None:
        # Claude Code adds the effort to it.
        extra["output_config"] = {"format": {"type": "json_schema", "schema": loads(settings.schema)}}
    return {
        "model": settings.model,
        "effortLevel": settings.effort,
        "showThinkingSummaries": True if settings.shows_thinking else None,
        "env": {
            EXTRA_BODY: dumps(extra) if extra else None,
            # Not in the extra body: Claude Code then fits the budget of a model that thinks by budget below the limit.
            "CLAUDE_CODE_MAX_OUTPUT_TOKENS": None if settings.max_tokens is None else str(settings.max_tokens),
        },
    }


def reset_frame() -> Frame:
    """Ends the conversation on a live process: nothing before it is sent upstream again.

    To be written only after the last answer's result was read; otherwise that answer gets into the next conversation.
    """
    return {
        "type": "system",
        "subtype": "compact_boundary",
        "uuid": str(uuid.uuid4()),
        "session_id": _SESSION,
        "compact_metadata": {"trigger": "manual", "pre_tokens": 0},
    }


def user_frame(message: Message, *, ask: bool, is_marked: bool = False) -> Frame:
    """A user message. `ask`: the model answers it; else it is history.

    `is_marked` sets a cache mark. A question after a replay needs one: Claude Code sets its own mark behind a note that
    moves, so the next replay of the same conversation would find nothing cached.
    `client_composed` prevents that `@path` reads a file and `/clear` runs.
    """
    frame: Frame = {
        "type": "user",
        "message": {"role": "user", "content": _marked(message) if is_marked else _content(message)},
        "parent_tool_use_id": None,
        "session_id": _SESSION,
        "uuid": str(uuid.uuid4()),
        "client_composed": True,
    }
    return frame if ask else {**frame, "shouldQuery": False}


def assistant_frame(message: Message, *, model: str, keys: KeyNames = NO_KEYS) -> Frame:
    """An assistant message of the history, of `model`, which answers next, unless its thinking names another one.

    Claude Code drops the thinking of other models than the one that answers. `keys`: Claude's names for arguments in
    its calls.
    """
    calls = any(isinstance(part, ToolCall) for part in message.parts)
    thoughts = (part.model for part in message.parts if isinstance(part, Thinking | RedactedThinking))
    return {
        "type": "assistant",
        "uuid": str(uuid.uuid4()),
        "session_id": _SESSION,
        "parent_tool_use_id": None,
        "message": {
            "id": f"msg_{uuid.uuid4().hex}",
            "type": "message",
            "role": "assistant",
            "model": next((thought for thought in thoughts if thought), model),
            "content": _blocks(message.parts, keys),
            "stop_reason": "tool_use" if calls else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        },
    }


def _content(message: Message) -> str | list[dict[str, object]]:
    """A single text is sent as a string, as the CLI itself sends what the user types."""
    if len(message.parts) == 1 and isinstance(message.parts[0], Text):
        return message.parts[0].text
    return _blocks(message.parts)


def _marked(message: Message) -> list[dict[str, object]]:
    """The blocks with a mark on the last one, but before system messages at the end: the client may replace those."""
    blocks = _blocks(message.parts)
    lasting = [number for number, part in enumerate(message.parts) if not (isinstance(part, Text) and part.is_system)]
    blocks[lasting[-1] if lasting else -1]["cache_control"] = {"type": "ephemeral"}
    return blocks


def _blocks(parts: Iterable[Part], keys: KeyNames = NO_KEYS) -> list[dict[str, object]]:
    return [_block(part, keys) for part in parts]


def _block(part: Part, keys: KeyNames) -> dict[str, object]:
    """One part as a content block of the Messages API."""
    match part:
        case Text():
            block: dict[str, object] = {"type": "text", "text": part.text}
        case RedactedThinking():
            block = {"type": "redacted_thinking", "data": part.data}
        case Thinking():
            block = {"type": "thinking", "thinking": part.text, "signature": part.signature or ""}
        case ToolCall():
            arguments = _input(part.arguments)
            if part.name in keys:
                arguments = renamed_keys(arguments, keys[part.name])
            block = {"type": "tool_use", "id": part.id, "name": legal_name(part.name), "input": arguments}
        case ToolResult():
            block = {"type": "tool_result", "tool_use_id": part.id, "content": _result(part)}
            if part.is_error:
                block["is_error"] = True
        case Image():
            block = {"type": "image", "source": _source(part)}
        case Document():
            block = _document(part)
        case SearchResult():
            block = _search_result(part)
    return block


def _document(part: Document) -> dict[str, object]:
    described = {name: text for name, text in (("title", part.title), ("context", part.context)) if text}
    return {"type": "document", "source": _source(part), **described, **_citations(cites=part.cites)}


def _search_result(part: SearchResult) -> dict[str, object]:
    texts = [{"type": "text", "text": text} for text in part.texts]
    head = {"type": "search_result", "source": part.source, "title": part.title, "content": texts}
    return {**head, **_citations(cites=part.cites)}


def _citations(*, cites: bool) -> dict[str, object]:
    return {"citations": {"enabled": True}} if cites else {}


def _input(arguments: str) -> dict[str, object]:
    """The arguments as an object. Text that is no JSON object is wrapped, as the API's guide says."""
    parsed = object_from(arguments)
    return {"INVALID_JSON": arguments} if parsed is None else parsed


def _result(result: ToolResult) -> str | list[dict[str, object]]:
    """The content of a tool result. Claude's API accepts a blank string, but refuses blank blocks."""
    blanks = [part for part in result.parts if isinstance(part, Text) and is_blank(part.text)]
    if len(blanks) == len(result.parts):
        return "".join(part.text for part in blanks)
    return _blocks(part for part in result.parts if part not in blanks)


def _source(part: Image | Document) -> dict[str, object]:
    if isinstance(part, Document) and part.blocks:
        return {"type": "content", "content": [{"type": "text", "text": text} for text in part.blocks]}
    if part.url is not None:
        return {"type": "url", "url": part.url}
    if part.media_type == "text/plain":
        return {"type": "text", "media_type": part.media_type, "data": part.data}
    return {"type": "base64", "media_type": part.media_type, "data": part.data}
