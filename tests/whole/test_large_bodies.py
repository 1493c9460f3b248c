"""Large bodies of every shape, while another client is served."""

import base64
import json
import random
from collections.abc import Iterator

import pytest

from server.standin.script import say
from server.standin.server import Standin
from tests.whole.bridge import Bridge, messages
from tests.whole.others import makes_others_wait

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.soak]

CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}


def called(arguments: str) -> list[object]:
    call = {**CALL, "function": {"name": "f", "arguments": arguments}}
    result = {"role": "tool", "tool_call_id": "c", "content": "done"}
    return [*messages("hi"), {"role": "assistant", "tool_calls": [call]}, result]


def shapes() -> Iterator[tuple[str, bytes, set[int]]]:
    """Yields a name, a body and the statuses that may answer it."""
    yield "objects", b'{"messages":[' + b"{}," * 5_000_000 + b"{}]}", {400}
    yield "numbers", b'{"messages":[' + b"1," * 10_000_000 + b"1]}", {400}
    yield "strings", b'{"messages":[' + b'"",' * 8_000_000 + b'""]}', {400}
    yield "nested", b'{"messages":' + b"[" * 20_000_000, {400}
    tools = [{"type": "function", "function": {"name": f"t{number}"}} for number in range(200_000)]
    yield "tools", json.dumps({"messages": messages("hi"), "tools": tools}).encode(), {400}
    yield "text", json.dumps({"messages": messages('1,"[{' * 2_000_000)}).encode(), {200, 400}
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(3_600_000)).decode()
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png}"}}
    yield "pictures", json.dumps({"messages": [{"role": "user", "content": [picture] * 6}]}).encode(), {200, 400}
    yield "arguments", json.dumps({"messages": called(json.dumps({"a": "y" * 20_000_000}))}).encode(), {200, 400}
    chain: dict[str, object] = {"d2000": {"type": "string"}}
    for number in range(2000):
        inner = {"$ref": f"#/$defs/d{number + 1}"}
        chain[f"d{number}"] = {"type": "object", "properties": {"x": inner}, "required": ["x"]}
    schema = {"$defs": chain, "type": "object", "properties": {"x": {"$ref": "#/$defs/d0"}}, "required": ["x"]}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    yield "chain", json.dumps({"messages": messages("hi"), "response_format": form}).encode(), {200, 400}


async def test_no_body_makes_another_client_wait(bridge: Bridge, standin: Standin) -> None:
    standin.script(lambda _: say("ok"))
    headers = {"content-type": "application/json"}
    for name, body, statuses in shapes():

        async def ask(body: bytes = body, statuses: set[int] = statuses, name: str = name) -> None:
            reply = await bridge.client.post("/chat/completions", content=body, headers=headers, timeout=300)
            assert reply.status_code in statuses, (name, reply.text[:300])

        assert not await makes_others_wait(bridge, ask), name
