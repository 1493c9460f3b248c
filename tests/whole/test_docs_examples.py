"""Every example of /docs, sent to the real server: it is answered, in the form that /docs shows."""

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.standin.script import Gate, Hold, say
from server.standin.server import Standin, default_answer
from server.web.openapi.completion_status import COMPLETION_ID
from server.web.openapi.projects import PROJECT_ID
from server.web.openapi.responses import STORED_ID
from server.web.openapi.running import RUNNING_ID
from server.web.openapi.sessions import SESSION_ID
from tests.server.web.documented import Example, examples_in
from tests.whole.bridge import Bridge, open_bridge

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

# What a reply has only in some accounts, or only in answers of another kind.
SOMETIMES = {"usage", "uptime_s", "lan_addresses"}


async def stored(bridge: Bridge) -> str:
    reply = await bridge.client.post("/responses", json={"model": "sonnet", "input": "The capital of France?"})
    return str(reply.json()["id"])


async def new_project(bridge: Bridge) -> str:
    """The id of a project with a folder of its own."""
    name = f"p-{secrets.token_hex(4)}"
    return str((await bridge.client.post("/projects", json={"name": name})).json()["id"])


async def begun(bridge: Bridge, standin: Standin) -> "asyncio.Task[httpx.Response]":
    """A request with the documented id, which is being answered."""
    gate = Gate()
    standin.script(say("Half", Hold(gate)))
    asking = asyncio.create_task(bridge.chat("Hi", headers={"x-request-id": RUNNING_ID}))
    await gate.reached()
    return asking


async def test_every_example_is_answered_as_documented(standin: Standin, folder: Path) -> None:
    projects = folder / "projects"
    projects.mkdir(parents=True)
    allowed = ("--projects-by-api", "--projects-root", str(projects))
    async with open_bridge(standin, folder, *allowed) as bridge:
        await check_all(bridge, standin)


async def check_all(bridge: Bridge, standin: Standin) -> None:
    root = bridge.url.removesuffix("/v1")
    document = (await bridge.client.get(f"{root}/openapi.json")).json()
    examples = list(examples_in(document))
    assert len(examples) > 40
    for example in examples:
        path = example.path
        if STORED_ID in path:
            path = path.replace(STORED_ID, await stored(bridge))
        if PROJECT_ID in path:
            path = path.replace(PROJECT_ID, await new_project(bridge))
        if SESSION_ID in path:
            assert (await bridge.chat("Hi", headers={"x-session-id": SESSION_ID})).status_code == 200
        path = path.replace(COMPLETION_ID, RUNNING_ID)
        running = await begun(bridge, standin) if RUNNING_ID in path else None
        reply = await bridge.client.request(example.method, f"{root}{path}", json=example.body)
        if running is not None:
            if example.method == "GET":
                await bridge.client.delete(f"{root}/v1/requests/{RUNNING_ID}")
            assert (await running).status_code == 409
            standin.script(default_answer)
        assert reply.status_code == 200, (str(example), reply.text)
        kind = reply.headers["content-type"].partition(";")[0]
        assert kind in example.content, str(example)
        if kind == "application/json":
            compare(example, example.content[kind]["example"], reply.json())


def compare(example: Example, shown: Any, real: Any) -> None:
    """The documented reply has the fields of the real one."""
    if isinstance(shown, dict) and isinstance(real, dict):
        assert set(shown) - SOMETIMES <= set(real), (str(example), json.dumps(real)[:2000])
