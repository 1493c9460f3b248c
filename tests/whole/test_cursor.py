"""What Cursor needs, through the real Claude Code: names of its picker, its Verify prompt, three forms of a body."""

from pathlib import Path

from server.standin.server import Recorded, open_standin
from tests.server.answering.test_local import AZURE, DIAGNOSTIC, VERIFY
from tests.whole.bridge import open_bridge, text_of


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


async def test_the_verify_prompt_is_answered_at_once_whatever_the_model_and_without_claude(folder: Path) -> None:
    """Cursor asks for a model that it knows by name, and takes any other status for a bad key or address."""
    headers = {"origin": "vscode-file://vscode-app", "authorization": "Bearer any"}
    # Neither a Claude Code nor an account: `open_bridge` without a stand-in, and a path where nothing is.
    environment = {"DRAWBRIDGE_STRICT_MODELS": "yes", "CLAUDE_CLI_PATH": str(folder / "no-such-claude")}
    async with open_bridge(None, folder, environment=environment, is_checked=False) as bridge:
        for body in (VERIFY, AZURE, DIAGNOSTIC):
            whole = await bridge.post(body, headers=headers)
            assert whole.status_code == 200, whole.text
            assert whole.headers["x-drawbridge-way"] == "local"
            assert whole.json()["model"] == body["model"]
            assert whole.json()["choices"][0]["finish_reason"] == "stop"
            assert whole.json()["choices"][0]["message"]["content"]
            streamed = await bridge.post({**body, "stream": True}, headers=headers)
            assert streamed.text.endswith("data: [DONE]\n\n")
            assert text_of(streamed.text.splitlines()) == whole.json()["choices"][0]["message"]["content"]
        other = await bridge.post({**VERIFY, "max_tokens": 11, "model": "sonnet"})
        assert other.status_code == 503


async def test_the_verify_prompt_needs_the_key_where_one_is_asked_for(folder: Path) -> None:
    environment = {"DRAWBRIDGE_API_KEY": "the-key-of-the-test"}
    async with open_standin() as standin, open_bridge(standin, folder, environment=environment) as bridge:
        assert (await bridge.post(VERIFY)).status_code == 401
        for headers in ({"authorization": "Bearer the-key-of-the-test"}, {"api-key": "the-key-of-the-test"}):
            assert (await bridge.post(VERIFY, headers=headers)).status_code == 200
        assert standin.requests == []
