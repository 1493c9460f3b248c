"""The setting `warm_spares` through the whole server: the first request on a spare is the same with it and without."""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from server.standin.server import open_standin
from tests.server.claude.worker.test_live_profile import OWN
from tests.server.claude.worker.test_session import masked
from tests.whole.bridge import Bridge, messages, open_bridge

SYSTEM = {"role": "system", "content": "Be terse."}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
FOLDER = re.compile(r"Primary working directory: \S+")


async def until_warmed_up(bridge: Bridge, count: int) -> None:
    async with asyncio.timeout(60):
        while bridge.log.count(" warmed up") < count:
            await asyncio.sleep(0.05)


async def first_request(folder: Path, *options: str) -> tuple[dict[str, Any], Mapping[str, str], str, str]:
    """Body and headers upstream, and way and cost of the first request."""
    folder.mkdir()
    async with open_standin() as standin, open_bridge(standin, folder, "--pool-size", "1", *options) as bridge:
        await bridge.until_pool(raw=1)
        if options:
            await until_warmed_up(bridge, 1)
        reply = await bridge.post({"messages": [SYSTEM, *messages("hi")], "tools": [TOOL], "model": "sonnet"})
        assert reply.status_code == 200, reply.text
        (recorded,) = standin.requests
        assert {other.path for other in standin.others} <= {"/api/hello"}
        assert bridge.log.count(" warmed up") == len(options)
        headers = {name: value for name, value in recorded.headers.items() if name not in OWN}
        way, cost = reply.headers["x-drawbridge-way"], reply.headers["x-drawbridge-cost-usd"]
        return masked(recorded.body), headers, way, cost


async def test_the_first_request_on_a_spare_is_the_same_after_a_warm_up(folder: Path) -> None:
    body, headers, way, cost = await first_request(folder / "plain")
    warm_body, warm_headers, warm_way, warm_cost = await first_request(folder / "warm", "--warm-spares")
    assert FOLDER.sub("", str(warm_body)) == FOLDER.sub("", str(body))
    assert (warm_headers, warm_way, warm_cost) == (headers, way, cost)
    assert way == "spare"


async def test_the_setting_takes_effect_while_the_server_runs(folder: Path) -> None:
    settings = folder / "home" / ".config" / "drawbridge" / "settings.toml"
    settings.parent.mkdir(parents=True)
    async with open_standin() as standin, open_bridge(standin, folder, "--pool-size", "2") as bridge:
        await bridge.until_pool(raw=2)
        assert " warmed up" not in bridge.log
        settings.write_text("warm_spares = true\n")
        await until_warmed_up(bridge, 2)
        assert not standin.requests
