"""GET /metrics of a real server counts what the real Claude Code answered."""

from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from server.standin.script import say
from server.standin.server import Standin
from tests.whole.bridge import Bridge, open_bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def scraped(bridge: Bridge) -> httpx.Response:
    return await bridge.client.get(bridge.url.removesuffix("/v1") + "/metrics")


def sums(text: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Each sample's value by its name and these labels, summed over the others."""
    found: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, *(sample.labels.get(label, "") for label in labels))
            found[key] = found.get(key, 0) + sample.value
    return found


async def test_the_counts_are_those_of_the_answers_and_switch_on_while_the_server_runs(
    standin: Standin, folder: Path
) -> None:
    standin.script(lambda _: say("Hello"))
    settings = folder / "home" / ".config" / "drawbridge" / "settings.toml"
    async with open_bridge(standin, folder) as bridge:
        assert (await scraped(bridge)).status_code == 404
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text("metrics = true\n")
        while (await scraped(bridge)).status_code == 404:
            pass
        usages = []
        for turn in ("one", "two"):
            reply = await bridge.chat(turn, headers={"x-title": "Cline"})
            usages.append(reply.json()["usage"])
        await bridge.stream("three", model="gpt-4o")
        assert (await bridge.post({"model": "sonnet"})).status_code == 400
        text = (await scraped(bridge)).text
        ended = sums(text, "dialect", "app", "outcome")
        name = "drawbridge_requests_total"
        assert ended[name, "chat_completions", "Cline", "answered"] == 2
        assert sums(text, "dialect", "outcome")[name, "chat_completions", "answered"] == 3
        assert sums(text, "dialect", "outcome")[name, "chat_completions", "failed"] == 1
        assert sums(text, "model")[name, "claude-sonnet-5-5"] == 3
        output = sums(text, "kind")["drawbridge_tokens_total", "output"]
        assert output == sum(usage["completion_tokens"] for usage in usages) / 2 * 3
        every = sums(text)
        assert every["drawbridge_first_output_seconds_count",] == 3
        assert every["drawbridge_request_duration_seconds_count",] == 4
        assert every["drawbridge_requests_running",] == 0
        assert every["drawbridge_processes",] >= 1
        assert every["drawbridge_cost_usd_total",] > 0
