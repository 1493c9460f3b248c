"""The real Claude Code against the stand-in: its requests are accepted, and errors come back as its own."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import claude_agent_sdk
import pytest

from server.standin.demo import Demo, open_demo
from server.standin.script import Cut, Gate, Hold, Reply, Script, Text, refuse, say
from server.standin.server import Standin, open_standin

CLI = Path(claude_agent_sdk.__file__).parent / "_bundled" / "claude"
ARGUMENTS = (
    *("--output-format", "stream-json", "--input-format", "stream-json", "--verbose", "--include-partial-messages"),
    *("--system-prompt", "You are terse.", "--tools", "", "--setting-sources=", "--strict-mcp-config"),
    *("--permission-mode", "dontAsk", "--no-session-persistence"),
)

NOTHING: Mapping[str, str] = MappingProxyType({})

Frame = dict[str, object]

pytestmark = pytest.mark.skipif(not CLI.exists(), reason="this platform's package carries no Claude Code")


class Cli:
    """A Claude Code process, written to and read in lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def write(self, frame: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write((json.dumps(frame) + "\n").encode())

    def user(self, content: object, *, asks: bool = True) -> None:
        frame: Frame = {"type": "user", "message": {"role": "user", "content": content}, **envelope()}
        self.write({**frame, "client_composed": True, **({} if asks else {"shouldQuery": False})})

    def assistant(self, text: str) -> None:
        message = {
            "id": f"msg_{uuid.uuid4().hex}",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-5-5",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        self.write({"type": "assistant", "message": message, **envelope()})

    async def result(self) -> tuple[Frame, list[Frame]]:
        """The next result, and the frames before it."""
        assert self._process.stdout is not None
        frames: list[Frame] = []
        async for line in self._process.stdout:
            frame = json.loads(line)
            if frame["type"] == "result":
                return frame, frames
            frames.append(frame)
        raise AssertionError("it ended without a result")

    def kill(self) -> None:
        self._process.kill()


def envelope() -> Frame:
    return {"uuid": str(uuid.uuid4()), "session_id": "default", "parent_tool_use_id": None}


@asynccontextmanager
async def open_cli(
    demo: Demo, folder: Path, *arguments: str, environment: Mapping[str, str] = NOTHING
) -> AsyncIterator[Cli]:
    process = await asyncio.create_subprocess_exec(
        CLI,
        *ARGUMENTS,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
        limit=2**24,
        env={
            **demo.environment,
            "DISABLE_AUTO_COMPACT": "1",
            "CLAUDE_CODE_MAX_RETRIES": "0",
            "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1",
            **environment,
        },
    )
    try:
        yield Cli(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        # The transport of a killed process closes its pipes a turn of the loop later.
        await asyncio.sleep(0)


@pytest.fixture
async def demo() -> AsyncIterator[Demo]:
    async with open_demo(gap_s=0, keep=None) as opened:
        yield opened


def roles(standin: Standin) -> list[str]:
    messages = standin.requests[-1].body["messages"]
    assert isinstance(messages, list)
    return [message["role"] for message in messages if message["role"] != "system"]


async def test_two_requests_in_a_row_are_accepted(demo: Demo, tmp_path: Path) -> None:
    demo.standin.script(say("Hello", " there!"), say("Again."))
    async with open_cli(demo, tmp_path, "--model", "sonnet") as cli:
        cli.user("hi")
        first, frames = await cli.result()
        cli.user("and now?")
        second, _ = await cli.result()
    assert (first["result"], second["result"]) == ("Hello there!", "Again.")
    assert [recorded.refusal for recorded in demo.standin.requests] == [None, None]
    assert roles(demo.standin) == ["user", "assistant", "user"]
    deltas = [frame["event"] for frame in frames if frame["type"] == "stream_event"]
    assert sum("text_delta" in json.dumps(delta) for delta in deltas) == 2
    assert demo.standin.others == []
    usage = first["usage"]
    assert isinstance(usage, dict)
    assert [usage[f"{kind}input_tokens"] for kind in ("", "cache_creation_", "cache_read_")] == [10, 2, 3]


@pytest.mark.parametrize("model", ["opus", "haiku", "claude-opus-4-8", "claude-opus-4-7", "claude-haiku-4-5"])
async def test_requests_for_other_models_are_accepted(demo: Demo, tmp_path: Path, model: str) -> None:
    async with open_cli(demo, tmp_path, "--model", model) as cli:
        cli.user("hi")
        result, _ = await cli.result()
    assert "Drawbridge's demo" in str(result["result"])
    assert result["is_error"] is False
    assert demo.standin.requests[-1].refusal is None


async def test_a_replayed_history_is_accepted_in_true_roles(demo: Demo, tmp_path: Path) -> None:
    async with open_cli(demo, tmp_path, "--model", "sonnet") as cli:
        for number in (1, 2):
            cli.user(f"question {number}", asks=False)
            await cli.result()
            cli.assistant(f"answer {number}")
        cli.user("question 3")
        result, _ = await cli.result()
    assert roles(demo.standin) == ["user", "assistant", "user", "assistant", "user"]
    assert "with 4 earlier turns and a system prompt of 14 characters" in str(result["result"])
    assert 'You wrote: "question 3"' in str(result["result"])
    assert len(demo.standin.requests) == 1


@pytest.mark.parametrize(
    ("script", "status", "error"),
    [
        (refuse(400, "bad"), 400, "unknown"),
        (refuse(401), 401, "authentication_failed"),
        (refuse(429, headers={"retry-after": "17"}), 429, "rate_limit"),
        (refuse(529), 529, "server_error"),
    ],
    ids=["400", "401", "429", "529"],
)
async def test_an_error_status_comes_back_as_the_clis_own_error(
    demo: Demo, tmp_path: Path, script: Script, status: int, error: str
) -> None:
    demo.standin.script(lambda _: script)
    async with open_cli(demo, tmp_path, "--model", "sonnet") as cli:
        cli.user("hi")
        result, frames = await cli.result()
    assert result["is_error"] is True
    assert result["api_error_status"] == status
    synthetic = [frame for frame in frames if frame["type"] == "assistant"]
    assert [frame.get("error") for frame in synthetic] == [error]


async def test_a_rejected_request_comes_back_as_an_error(demo: Demo, tmp_path: Path) -> None:
    hot = {"CLAUDE_CODE_EXTRA_BODY": json.dumps({"temperature": 0.5})}
    async with open_cli(demo, tmp_path, "--model", "sonnet", environment=hot) as cli:
        cli.user("hi")
        result, _ = await cli.result()
    assert result["is_error"] is True
    assert result["api_error_status"] == 400
    assert "`temperature` is deprecated for this model." in str(result["result"])
    assert {recorded.outcome for recorded in demo.standin.requests} == {"refused"}


MEDIA = {
    "an image by http": {"type": "image", "source": {"type": "url", "url": "http://127.0.0.1/a.png"}},
    "a document that is none": {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "aGVsbG8="},
    },
}


@pytest.mark.parametrize("block", MEDIA.values(), ids=MEDIA)
async def test_a_rejected_picture_is_dropped_and_resent_which_a_synthetic_message_shows(
    demo: Demo, tmp_path: Path, block: object
) -> None:
    """The answer looks right, but it answers another question."""
    async with open_cli(demo, tmp_path, "--model", "sonnet") as cli:
        cli.user([{"type": "text", "text": "what is it?"}, block])
        result, frames = await cli.result()
    assert result["is_error"] is False
    assert [recorded.refusal is not None for recorded in demo.standin.requests] == [True, False]
    answers = [frame["message"] for frame in frames if frame["type"] == "assistant"]
    assert isinstance(answers[0], dict)
    assert answers[0]["model"] == "<synthetic>"


async def test_a_cut_stream_is_an_error(demo: Demo, tmp_path: Path) -> None:
    demo.standin.script(lambda _: Reply((Text(("Half of", Cut(reset=True))),)))
    async with open_cli(demo, tmp_path, "--model", "sonnet") as cli:
        cli.user("hi")
        result, _ = await cli.result()
    assert result["is_error"] is True
    assert demo.standin.requests[0].outcome == "cut"


async def test_an_answer_that_reaches_its_limit_reports_it(demo: Demo, tmp_path: Path) -> None:
    """The CLI's own request that follows is accepted too."""
    demo.standin.script(say("Half of", stop_reason="max_tokens"), say(" the rest."))
    async with open_cli(demo, tmp_path, "--model", "sonnet") as cli:
        cli.user("hi")
        _, frames = await cli.result()
    ends = [frame["event"] for frame in frames if "message_delta" in json.dumps(frame.get("event"))]
    assert "max_tokens" in json.dumps(ends[0])
    assert len(demo.standin.requests) == 2
    assert [recorded.refusal for recorded in demo.standin.requests] == [None, None]


async def test_a_killed_process_is_a_disconnect(demo: Demo, tmp_path: Path) -> None:
    gate = Gate()
    demo.standin.script(say("Hello", Hold(gate), " there!"))
    async with open_cli(demo, tmp_path, "--model", "sonnet") as cli:
        cli.user("hi")
        await gate.reached()
        cli.kill()
        await demo.standin.requests[0].client_disconnected()


async def test_the_address_alone_selects_the_stand_in(tmp_path: Path) -> None:
    """Two stand-ins at the same time each see their own client."""
    async with open_demo(gap_s=0, keep=None) as demo, open_standin() as other, open_cli(demo, tmp_path) as cli:
        cli.user("hi")
        await cli.result()
        assert len(demo.standin.requests) == 1
        assert other.requests == other.others == []
