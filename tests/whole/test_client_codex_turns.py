"""Codex, unmodified and headless: interrupts, pictures, schemas, a usage limit, and its Ollama and LM Studio modes."""

import base64
import json
import time
from pathlib import Path

import pytest

from server.standin.script import Gate, Hold, Script, refuse, say
from server.standin.server import Recorded, Standin
from tests.pictures import PNG
from tests.whole.account import sign_in
from tests.whole.bridge import Bridge, open_bridge
from tests.whole.calling import FORM, blocks_of, form_of, offered, spoken
from tests.whole.codex import PROVIDER, Codex, installed, printed_by, texts_of
from tests.whole.limits import limits
from tests.whole.tap import Tap

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]


@pytest.fixture
async def codex(bridge: Bridge, agents: Path, folder: Path) -> Codex:
    return installed(agents, bridge, folder, PROVIDER)


async def test_an_interrupt_ends_the_answer_and_the_session_resumes(codex: Codex, standin: Standin) -> None:
    gate = Gate()

    def claude(recorded: Recorded) -> Script:
        return say("It is done.") if "And now?" in texts_of(recorded.body)[-1] else say("Begun", Hold(gate), " never.")

    standin.script(claude)
    process = await codex.start("Count to a million.")
    await gate.reached()
    await printed_by(process, interrupts=True)
    (begun,) = standin.requests
    await begun.client_disconnected()
    assert "It is done." in await codex.run("resume", "--last", "And now?")
    assert len(standin.requests) == 2
    resumed = "|".join(texts_of(standin.requests[-1].body))
    assert "Count to a million." in resumed
    # An answer that was not completed is no part of the conversation.
    assert "Begun" not in str(spoken(standin.requests[-1].body))


async def test_a_picture_arrives_as_a_picture(codex: Codex, standin: Standin) -> None:
    (codex.desk / "dot.png").write_bytes(PNG)
    standin.script(say("A picture."))
    assert "A picture." in await codex.run("-i", "dot.png", "--", "What is this?")
    (request,) = standin.requests
    blocks = [block for message in spoken(request.body) for block in blocks_of(message["content"])]
    (image,) = [block for block in blocks if block["type"] == "image"]
    expected = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()}
    assert image["source"] == expected


async def test_an_answer_fits_the_schema_of_the_command(codex: Codex, standin: Standin) -> None:
    properties = {"city": {"type": "string"}, "degrees": {"type": "integer"}}
    required = list(properties)
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    (codex.desk / "schema.json").write_text(json.dumps(schema))
    standin.script(say('{"city": "Os', 'lo", "degrees"', ": 9}"))
    await codex.run("--output-schema", "schema.json", "-o", "answer.json", "Oslo's weather")
    assert json.loads((codex.desk / "answer.json").read_text()) == FORM
    (request,) = standin.requests
    assert form_of(request.body) == schema
    assert "exec_command" in offered(request.body)


async def test_a_usage_limit_is_shown_and_sent_once(agents: Path, standin: Standin, folder: Path) -> None:
    soon = int(time.time()) + 3600
    rejected = limits("1.0", "0.25", status="rejected", soon=soon, later=soon + 86_400)
    sign_in(folder / "home")
    async with open_bridge(None, folder, environment={"ANTHROPIC_BASE_URL": standin.url}) as bridge:
        standin.script(lambda _: refuse(429, "You have hit your limit", headers=rejected))
        told = await installed(agents, bridge, folder, PROVIDER).run("Hi", fails=True)
    assert "hit your usage limit" in told
    assert len(standin.requests) == 1


async def test_a_rate_limit_without_an_end_is_named(codex: Codex, tap: Tap, standin: Standin) -> None:
    standin.script(lambda _: refuse(429, "slow down"))
    (codex.home / "config.toml").write_text(PROVIDER.format(url=tap.url))
    assert "429 Too Many Requests" in await codex.run("Hi", fails=True)
    assert len(standin.requests) == len(tap.bodies()) <= 6


@pytest.mark.parametrize("provider", ["ollama", "lmstudio"])
async def test_the_modes_for_local_models(codex: Codex, standin: Standin, provider: str) -> None:
    (codex.home / "config.toml").write_text("")
    standin.script(lambda recorded: say("It is done."))
    local = ("--oss", "--local-provider", provider, "-m", "sonnet")
    told = await codex.run(*local, "Hi", CODEX_OSS_BASE_URL=codex.bridge.url)
    assert "It is done." in told
    assert "exec_command" in offered(standin.requests[-1].body)
    assert len(standin.requests) == 1
