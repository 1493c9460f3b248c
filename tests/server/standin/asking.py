"""Requests to the stand-in, and how its answers are read."""

import json

import anthropic
import httpx

from tests.server.standin.bodies import body


async def ask(http: httpx.AsyncClient, **changes: object) -> httpx.Response:
    return await http.post("/v1/messages?beta=true", json=body(stream=True, **changes))


def events(response: httpx.Response) -> list[dict[str, object]]:
    return [json.loads(line.removeprefix("data: ")) for line in response.text.splitlines() if line.startswith("data: ")]


async def whole(claude: anthropic.AsyncAnthropic) -> anthropic.types.Message:
    async with claude.messages.stream(
        model="claude-sonnet-5-5", max_tokens=100, messages=[{"role": "user", "content": "hi"}]
    ) as stream:
        return await stream.get_final_message()
