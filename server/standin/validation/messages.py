"""Validates `system` and `messages`: roles, blocks, empty texts, tool calls without results."""

import itertools
import re
from collections.abc import Mapping
from types import MappingProxyType

from server.standin.validation.media import check_document, check_image
from server.standin.validation.models import Model
from server.standin.validation.types import (
    BETA_BLOCKS,
    BLOCKS,
    MESSAGE,
    OUTPUT_CONFIG,
    RESULT_BLOCKS,
    SYSTEM_MESSAGE,
    ObjectSpec,
    Rejected,
    Rules,
)

MAX_MESSAGES = 100_000
TOOL_NAME = r"^[a-zA-Z0-9_-]{1,128}$"
TOOL_ID = r"^[a-zA-Z0-9_-]+$"

_ONLY_IN = MappingProxyType(
    {
        **dict.fromkeys(("tool_use", "thinking", "redacted_thinking", "server_tool_use"), "assistant"),
        **dict.fromkeys(("tool_result", "image", "search_result"), "user"),
    }
)
_IN_RESULTS = MappingProxyType(
    {name: BLOCKS[name] for name in ("text", "image", "document", "search_result")} | dict(RESULT_BLOCKS)
)
_IN_DOCUMENTS = MappingProxyType({name: BLOCKS[name] for name in ("text", "image")})
_ONLY_TEXT = MappingProxyType({"text": BLOCKS["text"]})

Block = dict[str, object]
# The index, role and blocks of a message.
Checked = tuple[int, str, list[Block]]


def check_system(system: object) -> None:
    """Raises `Rejected` for a system prompt that the API would not accept."""
    if isinstance(system, str):
        return
    for index, block in enumerate(_list(system, "system")):
        kind = block.get("type") if isinstance(block, dict) else None
        if kind != "text":
            raise Rejected(f"system.{index}.type: Input should be 'text'")
        fields = BLOCKS["text"].check(block, f"system.{index}")
        _check_text(fields, f"system.{index}", "system")


def check_messages(messages: list[object], model: Model, rules: Rules) -> None:
    """Raises `Rejected` for messages that the API would not accept."""
    if not messages:
        raise Rejected("messages: at least one message is required")
    if len(messages) > MAX_MESSAGES:
        raise Rejected(f"messages: at most {MAX_MESSAGES} messages are allowed")
    checked: list[Checked] = []
    for index, message in enumerate(messages):
        role = _role(message, index, model)
        place = f"messages.{index}"
        blocks = _blocks(message, role, place, rules, is_last=index == len(messages) - 1)
        if role == "system" and (not checked or checked[-1][1] == "assistant"):
            raise Rejected(f"{place}: a message with the role 'system' must follow a user message")
        checked.append((index, role, blocks))
    dialogue = [one for one in checked if one[1] != "system"]
    if dialogue[0][1] != "user":
        raise Rejected('messages: first message must use the "user" role')
    _check_calls(dialogue)
    _check_end(dialogue[-1], model)


def _role(message: object, index: int, model: Model) -> str:
    role = message.get("role") if isinstance(message, dict) else None
    if role == "system":
        if not model.takes_system_messages:
            raise Rejected("role 'system' is not supported on this model")
    elif isinstance(role, str) and role not in ("user", "assistant"):
        raise Rejected(f"messages.{index}.role: Input should be 'user' or 'assistant'")
    return str(role)


def _blocks(message: object, role: str, place: str, rules: Rules, *, is_last: bool) -> list[Block]:
    """Checks the content and returns it as blocks."""
    has_settings = role == "system" and "per-turn-control" in rules.betas
    fields = (SYSTEM_MESSAGE if has_settings else MESSAGE).check(message, place)
    if fields.get("output_config") is not None:
        OUTPUT_CONFIG.check(fields["output_config"], f"{place}.output_config")
    content = fields["content"]
    # The final assistant message, which the model continues, and messages of settings may be empty.
    may_be_empty = (is_last and role == "assistant") or (role == "system" and fields.get("output_config"))
    if content in ("", []) and not may_be_empty:
        raise Rejected(
            f"{place}: all messages must have non-empty content except for the optional final assistant message"
        )
    if isinstance(content, str):
        _check_text({"text": content or "(none)"}, place, "messages")
        return [{"type": "text", "text": content}]
    known: Mapping[str, ObjectSpec] = {**BLOCKS, **BETA_BLOCKS} if rules.betas else BLOCKS
    if role == "system":
        known = {
            **_ONLY_TEXT,
            **({name: BETA_BLOCKS[name] for name in ("tool_addition", "tool_removal")} if rules.betas else {}),
        }
    blocks = []
    for index, block in enumerate(_list(content, f"{place}.content")):
        checked = _check_block(block, f"{place}.content.{index}", known)
        where = _ONLY_IN.get(str(checked["type"]), role)
        if checked["type"] == "document" and rules.is_new:
            where = "user"
        if role == "user" and rules.is_new and checked["type"] == "text" and checked.get("citations"):
            raise Rejected(f"{place}.content.{index}.text.citations: citations are not permitted in `user` messages")
        if where != role:
            raise Rejected(f"{place}.content.{index}: `{checked['type']}` blocks can only be in `{where}` messages")
        blocks.append(checked)
    return blocks


def _check_block(block: object, place: str, known: Mapping[str, ObjectSpec]) -> Block:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind is None:
        raise Rejected(f"{place}.type: Field required")
    if not isinstance(kind, str) or kind not in known:
        tags = ", ".join(repr(name) for name in sorted(known))
        raise Rejected(
            f"{place}: Input tag {kind!r} found using 'type' does not match any of the expected tags: {tags}"
        )
    fields = known[kind].check(block, f"{place}.{kind}")
    match kind:
        case "text":
            _check_text(fields, f"{place}.text", "messages")
        case "image":
            check_image(fields["source"], place)
        case "document":
            check_document(fields["source"], place, _check_document_content)
        case "search_result":
            _check_content(fields["content"], f"{place}.search_result.content", _ONLY_TEXT)
        case "thinking" if not fields["signature"]:
            raise Rejected(f"{place}: Invalid `signature` in `thinking` block")
        case "tool_use":
            _match(fields["id"], TOOL_ID, f"{place}.tool_use.id")
            _match(fields["name"], TOOL_NAME, f"{place}.tool_use.name")
        case "tool_result":
            _match(fields["tool_use_id"], TOOL_ID, f"{place}.tool_result.tool_use_id")
            _check_result(fields, f"{place}.tool_result")
    return fields


def _check_text(fields: Block, place: str, section: str) -> None:
    text = str(fields["text"])
    if not text and fields.get("cache_control"):
        raise Rejected(f"{place}: cache_control cannot be set for empty text blocks")
    if not text:
        raise Rejected(f"{section}: text content blocks must be non-empty")
    if not text.strip():
        raise Rejected(f"{section}: text content blocks must contain non-whitespace text")


def _check_result(fields: Block, place: str) -> None:
    content = fields.get("content")
    if fields.get("is_error") and not content:
        raise Rejected(f"{place}: content cannot be empty if `is_error` is true")
    if content is not None and not isinstance(content, str):
        blocks = _check_content(content, f"{place}.content", _IN_RESULTS)
        if fields.get("is_error") and any(block["type"] != "text" for block in blocks):
            raise Rejected(f'{place}: all content must be type "text" if `is_error` is true')


def _check_document_content(content: object, place: str) -> None:
    if not isinstance(content, str):
        _check_content(content, place, _IN_DOCUMENTS)


def _check_content(content: object, place: str, known: Mapping[str, ObjectSpec]) -> list[Block]:
    return [_check_block(block, f"{place}.{index}", known) for index, block in enumerate(_list(content, place))]


def _check_calls(messages: list[Checked]) -> None:
    """Checks that each call has exactly one result, at the start of the user messages that follow it."""
    seen: set[str] = set()
    calls: list[str] = []
    called_at = 0
    for role, group in itertools.groupby(messages, key=lambda message: message[1]):
        placed = [(index, at, block) for index, _, blocks in group for at, block in enumerate(blocks)]
        if role == "user":
            _close_calls(calls, called_at, placed)
            calls = []
            continue
        for index, position, block in placed:
            if block["type"] != "tool_use":
                continue
            if block["id"] in seen:
                raise Rejected(f"messages.{index}.content.{position}: `tool_use` ids must be unique")
            seen.add(str(block["id"]))
            calls.append(str(block["id"]))
            called_at = index
    if calls:
        raise _unanswered(called_at, calls)


def _close_calls(calls: list[str], called_at: int, placed: list[tuple[int, int, Block]]) -> None:
    """Raises `Rejected` unless the user's blocks begin with one result for each of `calls` and have no others."""
    answered: list[str] = []
    at_start = True
    for index, position, block in placed:
        if block["type"] != "tool_result":
            at_start = False
            continue
        call = str(block["tool_use_id"])
        if call not in calls:
            raise Rejected(
                f"messages.{index}.content.{position}: unexpected `tool_use_id` found in `tool_result` blocks: {call}."
                " Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        if call in answered:
            raise Rejected(
                f"messages.{index}.content.{position}: each tool_use must have a single result."
                f" Found multiple `tool_result` blocks with id: {call}"
            )
        if at_start:
            answered.append(call)
    missing = [call for call in calls if call not in answered]
    if missing:
        raise _unanswered(called_at, missing)


def _unanswered(index: int, calls: list[str]) -> Rejected:
    ids = ", ".join(calls)
    return Rejected(
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {ids}."
        " Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def _check_end(last: Checked, model: Model) -> None:
    _, role, blocks = last
    if role != "assistant":
        return
    if not model.takes_prefill:
        raise Rejected(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    text = str(blocks[-1].get("text", "")) if blocks else ""
    if text != text.rstrip():
        raise Rejected("messages: final assistant content cannot end with trailing whitespace")


def _match(value: object, pattern: str, place: str) -> None:
    # `\Z`, since `$` also matches before a final line break.
    if not re.match(pattern.replace("$", r"\Z"), str(value)):
        raise Rejected(f"{place}: String should match pattern '{pattern}'")


def _list(value: object, place: str) -> list[object]:
    if not isinstance(value, list):
        raise Rejected(f"{place}: Input should be a valid list")
    return value
