"""Results of the client's tools through the real CLI, asserted on the bodies upstream."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest

from server.conversation.parts import Image, Message, Text, ToolResult
from server.standin.server import Standin, default_answer
from tests.server.claude.conftest import Bench
from tests.server.claude.tool_loop import CALLS, Loop, messages_upstream, parts_of, results_of
from tests.server.claude.worker.test_history import MARK

SIZES = [60_000, 450_000, 1_000_000]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("is_replayed", [False, True], ids=["waited for", "replayed"])
async def test_a_large_result_arrives_unchanged_and_is_not_written_to_disk(
    loop: Loop, standin: Standin, bench: Bench, size: int, is_replayed: bool
) -> None:
    standin.script(CALLS, default_answer)
    events = await loop.ask()
    loop.result(*results_of(parts_of(events), MARK + "x" * size))
    if is_replayed:
        loop.worker = None
    await loop.ask()
    results = messages_upstream(loop.body)[2][1]
    assert [result["content"] for result in results] == [[{"type": "text", "text": MARK + "x" * size}]] * 2
    assert len(standin.requests) == 2
    written = (walked for root in (bench.environment["HOME"], bench.scratch.root) for walked in os.walk(root))
    for folder, _, names in written:
        for file in (Path(folder, name) for name in names):
            # The processes live and remove files of their own.
            with suppress(FileNotFoundError):
                assert not file.is_file() or MARK.encode() not in file.read_bytes()


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ODD_RESULTS = {
    "nothing": ToolResult("", ()),
    "an empty text": ToolResult("", (Text(""),)),
    "blanks": ToolResult("", (Text(" \n"),)),
    "blanks among others": ToolResult("", (Text("a"), Text(" "), Text("b"))),
    "an error": ToolResult("", (Text("no"), Text("way")), is_error=True),
    "an image": ToolResult("", (Text("see"), Image("image/png", data=PNG))),
}


@pytest.mark.parametrize("odd", ODD_RESULTS.values(), ids=ODD_RESULTS.keys())
async def test_what_a_waiting_process_would_change_is_replayed(loop: Loop, standin: Standin, odd: ToolResult) -> None:
    standin.script(CALLS, default_answer)
    events = await loop.ask()
    _, look, bash = parts_of(events)
    loop.result(ToolResult(bash.id, (Text("fine"),)), ToolResult(look.id, odd.parts, odd.is_error))
    await loop.ask()
    result = messages_upstream(loop.body)[2][1][1]
    found = [block.get("text", "(an image)") for block in result["content"]]
    expected = [part.text if isinstance(part, Text) else "(an image)" for part in odd.parts]
    assert found == (expected if len(expected) == 1 else [text for text in expected if text.strip()] or [""])
    assert "no output" not in json.dumps(loop.body)
    assert result.get("is_error", False) is odd.is_error
    assert len(standin.requests) == 2


async def test_results_with_text_are_replayed(loop: Loop, standin: Standin) -> None:
    standin.script(CALLS, default_answer)
    events = await loop.ask()
    loop.messages = (*loop.messages, Message("user", (*results_of(parts_of(events)), Text("and now?"))))
    await loop.ask()
    roles = [role for role, _ in messages_upstream(loop.body)]
    assert roles == ["user", "assistant", "user"]
    assert [block["type"] for block in messages_upstream(loop.body)[2][1]] == ["tool_result", "tool_result", "text"]
