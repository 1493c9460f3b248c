"""Invalid and unusual bodies, and valid bodies with random mutations."""

import gzip
import json
import random
from copy import deepcopy
from typing import Any

PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_SCHEMA = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
_FUNCTION = {"name": "look", "description": "Looks.", "parameters": _SCHEMA}
_CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"place": "Paris"}'}}
_CHAT = {
    "model": "sonnet",
    "messages": [
        {"role": "system", "content": "Be terse."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": PIXEL}}],
        },
        {"role": "assistant", "content": None, "tool_calls": [_CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        {"role": "user", "content": "and now?", "name": "me"},
    ],
    "tools": [{"type": "function", "function": _FUNCTION}],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "stream_options": {"include_usage": True},
    "max_tokens": 100,
    "stop": ["END"],
    "temperature": 0.5,
    "reasoning_effort": "low",
    "n": 1,
    "metadata": {"a": "b"},
}
_FORM = {
    "model": "opus",
    "messages": [{"role": "user", "content": "hi"}],
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "it", "strict": True, "schema": {**_SCHEMA, "additionalProperties": False}},
    },
    "functions": [_FUNCTION],
    "function_call": {"name": "look"},
}
_RESPONSES = {
    "model": "sonnet",
    "instructions": "Be terse.",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "rain"},
    ],
    "tools": [{"type": "function", "name": "look", "parameters": _SCHEMA}],
    "reasoning": {"effort": "low"},
}
_MESSAGES = {
    "model": "claude-opus-5-5",
    "max_tokens": 10,
    "system": [{"type": "text", "text": "Be terse."}],
    "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "rain"}]},
    ],
    "tools": [{"name": "look", "input_schema": _SCHEMA}],
}
GOOD: dict[str, Any] = {"chat": _CHAT, "form": _FORM, "responses": _RESPONSES, "messages": _MESSAGES}
ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        1e308,
        -1e-308,
        10**30,
        "",
        " ",
        "\x00",
        "\ud800",
        "\u202e",
        "x" * 5_000,
        "../../etc",
    ),
    *([], {}, [[]], [None], {"": None}, [{}], {"type": "object"}, [1, "a", None], {"type": None}, {"$ref": "#"}),
    *("http://127.0.0.1/x.png", "data:image/png;base64,!!", "file:///etc/passwd", "auto", "system", "tool", "<think>"),
)
_ASK = b'{"role": "user", "content": "hi"}'


def _with(fields: bytes) -> bytes:
    return b'{"messages": [' + _ASK + b"], " + fields + b"}"


RAW: dict[str, bytes] = {
    "empty": b"",
    "blanks": b" \r\n\t ",
    "a word": b"hello",
    "a number": b"1",
    "null": b"null",
    "a list": b"[]",
    "half": b'{"messages": [',
    "two objects": b"{}{}",
    "a comma too many": _with(b'"model": "sonnet",'),
    "brackets": b"[" * 100_000,
    "whole brackets": b"[" * 100_000 + b"]" * 100_000,
    "objects in objects": b'{"messages":' * 100_000,
    "deep in a field": _with(b'"metadata": ' + b"[" * 100_000 + b"]" * 100_000),
    "less deep in a field": _with(b'"metadata": ' + b"[" * 900 + b"]" * 900),
    "less deep in a schema": _with(
        b'"tools": [{"type": "function", "function": {"name": "a", "parameters": '
        + b'{"type": "object", "properties": {"a": ' * 100
        + b'{"type": "string"}'
        + b"}}" * 100
        + b"}}]"
    ),
    "a huge number": _with(b'"max_tokens": ' + b"9" * 5_000),
    "a huge exponent": _with(b'"max_tokens": 1e999999'),
    "a huge fraction": _with(b'"temperature": 0.' + b"1" * 5_000),
    "many choices": _with(b'"n": 1000000000'),
    "NaN": _with(b'"temperature": NaN'),
    "infinite": _with(b'"temperature": -Infinity'),
    "a key twice": _with(b'"model": "sonnet", "model": 7'),
    "messages twice": _with(b'"messages": []'),
    "a role that is a list": b'{"messages": [{"role": [], "content": "hi"}]}',
    "a required name that is a list": _with(
        b'"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": '
        b'{"type": "object", "properties": {"a": {"type": "null"}}, "required": [[]]}}}'
    ),
    "a lone surrogate": b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
    "a lone surrogate in a key": _with(b'"\\udfff": 1'),
    "a lone surrogate in the model": _with(b'"model": "\\ud800"'),
    "latin": '{"messages": [{"role": "user", "content": "é"}]}'.encode("latin-1"),
    "sixteen bits": '{"messages": [{"role": "user", "content": "é"}]}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + _with(b'"model": "sonnet"'),
    "bytes that are no text": bytes(range(256)),
    "zero bytes": b"\x00" * 100,
    "packed": gzip.compress(_with(b'"model": "sonnet"')),
    "a long name of a model": _with(b'"model": "' + b"m" * 100_000 + b'"'),
    "a name of a model with controls": _with(b'"model": "a\\r\\nx-evil: 1\\u0000"'),
    "thousands of messages": b'{"messages": [' + b",".join([_ASK] * 5_000) + b"]}",
    "thousands of fields": _with(b",".join(b'"f%d": 1' % n for n in range(5_000))),
}


def mutated(body: Any, chance: random.Random) -> Any:
    """`body` with one to three values, at any depth, replaced, removed, doubled or moved."""
    body = deepcopy(body)
    for _ in range(chance.randint(1, 3)):
        holder, key = chance.choice(_places(body))
        odd = deepcopy(chance.choice(ODD))
        match chance.randrange(5):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, list):
                holder.insert(key, deepcopy(holder[key]))
            case 1:
                holder[f"{key}x"] = odd
            case 2:
                holder[key] = [holder[key]]
            case _:
                holder[key] = odd
        if not _places(body):
            break
    return body


def _places(value: Any) -> list[tuple[Any, Any]]:
    items = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [place for key, below in items for place in ((value, key), *_places(below))]


def as_json(body: Any) -> bytes:
    """The body as it is posted; unpaired surrogates are escaped."""
    return json.dumps(body, ensure_ascii=True).encode()
