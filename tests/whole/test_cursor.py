"""What Cursor needs, through the real Claude Code: names of its picker, its Verify prompt, three forms of a body."""

from pathlib import Path

from server.standin.server import Recorded, open_standin
from tests.whole.bridge import open_bridge


def effort_of(recorded: Recorded) -> object:
    """The effort that arrived upstream."""
    config = recorded.body.get("output_config")
    assert isinstance(config, dict)
    return config.get("effort")


async def test_a_name_of_the_picker_is_a_model_and_an_effort_for_that_request_alone(folder: Path) -> None:
    async with open_standin() as standin, open_bridge(standin, folder, "--pool-size", "1") as bridge:
        listed = [row["id"] for row in (await bridge.client.get("/models")).json()["data"]]
        assert {"cc:opus", "cc:sonnet", "cc:haiku"} <= set(listed)
        names = ["cc:opus-low", "cc:opus", "claude-5.5-opus-high-thinking", "cc:opus"]
        replies = [await bridge.chat("hi", model=name) for name in names]
        assert [reply.json()["model"] for reply in replies] == names
        assert [recorded.body["model"] for recorded in standin.requests] == ["claude-opus-5-5"] * 4
        low, before, high, after = map(effort_of, standin.requests)
        assert (low, high) == ("low", "high")
        assert before == after
        said = await bridge.chat("hi", model="cc:opus-high", reasoning_effort="low")
        assert said.status_code == 200
        assert effort_of(standin.requests[-1]) == "low"
