"""Popular clients of the Responses API in Python and Node, unmodified, each through the same scenario."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from server.standin.script import Gate, Hold, Script, refuse, say
from server.standin.server import Recorded, Standin
from tests.pictures import PNG
from tests.whole.bridge import Bridge
from tests.whole.calling import (
    FORM,
    QUESTION,
    VERDICT,
    WANTS_FORM,
    WHOLE_STORY,
    Forecaster,
    blocks_of,
    form_of,
    offered,
    spoken,
)
from tests.whole.programs import CLIENTS, printed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

PICTURE = base64.b64encode(PNG).decode()
SUMMARY = "They greeted."


class Everything(Forecaster):
    """Answers each question of the scenario."""

    def __call__(self, recorded: Recorded) -> Script:
        first, *_, last = [str(message["content"]) for message in spoken(recorded.body) * 2]
        if QUESTION in first or WANTS_FORM in first:
            return super().__call__(recorded)
        if "fail" in last:
            return refuse(400, "the client asked for it")
        if "Wait." in last:
            return say("Begun", Hold(Gate()), " never.")
        if "that will replace it" in last:
            return say(SUMMARY)
        return say("A picture.") if "What is this?" in last else say("Hel", "lo", "!")


def with_text(standin: Standin, text: str) -> list[Recorded]:
    """The requests whose last message contains `text`."""
    return [request for request in standin.requests if text in str(spoken(request.body)[-1]["content"])]


@pytest.mark.parametrize("name", ["agents", "langchain", "pydantic_ai"])
async def test_a_python_client(bridge: Bridge, standin: Standin, python_clients: Path, name: str) -> None:
    await assert_scenario(bridge, standin, python_clients / "python", CLIENTS / f"responses_{name}.py")


@pytest.mark.parametrize("name", ["ai_sdk", "langchain"])
async def test_a_node_client(bridge: Bridge, standin: Standin, node_clients: Path, name: str) -> None:
    await assert_scenario(bridge, standin, "node", node_clients / f"responses_{name}.mjs")


async def assert_scenario(bridge: Bridge, standin: Standin, *program: Path | str) -> None:
    """The program, which prints what its user got, finishes the scenario."""
    claude = Everything()
    standin.script(claude)
    found: dict[str, Any] = json.loads(await printed(bridge, *program, bridge.url, PICTURE))
    assert (found["whole"], found["total"], found["streamed"]) == ("Hello!", 20, ["Hel", "lo", "!"])
    assert (found["loop"], found["streamed_loop"]) == (VERDICT, [VERDICT, f"Let me look.{VERDICT}"])
    steps = ["tool-calls", "tool-calls", "stop"]
    assert found.get("steps", steps) == steps
    assert all(form == FORM for key, form in found.items() if key.startswith("form"))
    assert found["picture"] == "A picture."
    assert "the client asked for it" in found["refused"]
    assert found["begun"] == "Begun"
    (held,) = with_text(standin, "Wait.")
    await held.client_disconnected()
    loops = [request.body for request in standin.requests if "get_weather" in offered(request.body)]
    assert len(loops) == 6
    assert all(claude.steps(last) == WHOLE_STORY for last in loops[2::3])
    forms = [form for request in standin.requests if (form := form_of(request.body))]
    assert forms[0]["required"] == ["city", "degrees"]
    (look,) = with_text(standin, "What is this?")
    (image,) = [block for block in blocks_of(spoken(look.body)[-1]["content"]) if block["type"] == "image"]
    assert image["source"] == {"type": "base64", "media_type": "image/png", "data": PICTURE}
    if "after" in found:
        (last,) = with_text(standin, "Go on.")
        assert SUMMARY in str(spoken(last.body)[0]["content"])
        assert len(spoken(last.body)) == 1
