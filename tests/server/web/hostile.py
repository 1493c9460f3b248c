"""Bodies that no client should send, and that somebody will."""

import copy
import gzip
import json
import random
from typing import Any

from hypothesis import strategies as st

from server.web.asking import REQUEST_EXAMPLES

DEEP = 100_000
_ASK = '{"messages": [{"role": "user", "content": "hi"}]'
RAW: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"hi"',
    "half an object": b'{"messages": [',
    "two objects": b"{}{}",
    "not UTF-8": b"\xff\xfe{}",
    "UTF-16": json.dumps({"messages": []}).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + _ASK.encode() + b"}",
    "a NUL": b'{"messages": "\x00"}',
    "deep lists": b"[" * DEEP,
    "deep lists, closed": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP,
    "deep content": b'{"messages": [{"role": "user", "content": ' + b"[" * DEEP + b"]" * DEEP + b"}]}",
    "a deep schema": f'{_ASK}, "tools": [{{"type": "function", "function": {{"name": "f", "parameters": '.encode()
    + b'{"a":' * 5_000
    + b"1"
    + b"}" * 5_000
    + b"}}]}",
    "not a number": f'{_ASK}, "temperature": NaN}}'.encode(),
    "infinity": f'{_ASK}, "temperature": -Infinity}}'.encode(),
    "a huge float": f'{_ASK}, "temperature": 1e999}}'.encode(),
    "a huge integer": f'{_ASK}, "max_tokens": {"9" * 5_000}}}'.encode(),
    "a huge exponent": f'{_ASK}, "max_tokens": 1e400}}'.encode(),
    "a seed beyond all": f'{_ASK}, "seed": {"9" * 400}}}'.encode(),
    "the same name twice": b'{"messages": [], "messages": [{"role": "user", "content": "hi"}]}',
    "half a surrogate pair": b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
    "half a surrogate pair in a name": f'{_ASK}, "\\udfff": 1}}'.encode(),
    "half a surrogate pair in a schema": f'{_ASK}, "tools": [{{"type": "function", "function": {{"name": "f", '
    '"parameters": {"type": "object", "properties": {"\\ud800": {}}}}}]}'.encode(),
    "gzip": gzip.compress(_ASK.encode() + b"}"),
    "a long model": f'{_ASK}, "model": "{"m" * 1_000_000}"}}'.encode(),
    "many messages": json.dumps({"messages": [{"role": "user", "content": "hi"}] * 5_000}).encode(),
    "many answers": f'{_ASK}, "n": 1000000}}'.encode(),
    "many stops": json.dumps({"messages": [{"role": "user", "content": "x"}], "stop": ["a"] * 10_000}).encode(),
}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["user", "tool", "function", "auto", "text", "image_url", "data:image/png;base64,AA", "https://"]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """A request that would be right, but for one to three places in it."""
    body = copy.deepcopy(draw(st.sampled_from([example["value"] for example in REQUEST_EXAMPLES.values()])))
    for _ in range(draw(st.integers(1, 3))):
        chance = random.Random(draw(st.integers(0, 2**32)))
        _change(body, chance, draw(json_values), is_removed=draw(st.booleans()))
    return dict(body)


def _change(body: Any, chance: random.Random, value: object, *, is_removed: bool) -> None:
    """Puts `value` somewhere in `body`, or takes something away."""
    here = body
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return
        key = chance.choice(keys)
        if isinstance(here[key], dict | list) and here[key] and chance.random() < 0.7:
            here = here[key]
            continue
        if is_removed:
            del here[key]
        else:
            here[key] = value
        return
