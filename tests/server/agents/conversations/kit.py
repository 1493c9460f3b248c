"""Requests of a session, and what arrived upstream."""

from typing import Any

import httpx

from server.standin.script import Reply, call
from tests.server.agents.scene import Agency, acts


async def ask(agency: Agency, text: str, session: str = "", **fields: Any) -> httpx.Response:
    session = session or agency.session
    body = {"model": "sonnet@demo", "session_id": session, "messages": [{"role": "user", "content": text}], **fields}
    async with agency.plain_client() as client:
        answer = await client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return answer


def way(answer: httpx.Response) -> str:
    return answer.headers["x-drawbridge-way"]


def roles(agency: Agency) -> list[str]:
    return [message["role"] for message in agency.upstream()[-1]["messages"] if message["role"] != "system"]


def text_of(message: dict[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)


def reading(agency: Agency) -> Reply:
    return acts(call("Read", {"file_path": str(agency.folder / "notes.txt")}))


def spare_of(agency: Agency) -> int | None:
    return agency.engine.agents._openings.spares.pid
