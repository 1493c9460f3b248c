"""A live process changes its system prompt and tools, and sends what a process of each profile's own would send."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from server.claude.worker.live_profile import MOST_KNOWN, LiveProfile
from server.claude.worker.plugin import Plugin
from server.claude.worker.process import CliProcess
from server.claude.worker.worker import Worker
from server.conversation.request import Profile, Tool
from server.errors import UnexpectedOutput
from server.standin.server import Standin
from tests.server.claude.conftest import SONNET, Bench, conversation
from tests.server.claude.worker.test_session import masked

SCHEMA = '{"type": "object", "properties": {"a": {"type": "string"}}}'
# Claude Code adds notes for tools of its own with three of these names.
TOOLS = tuple(Tool(name, f"What {name!r} does.", SCHEMA) for name in ("look", "Bash", "Agent", "Skill", "Größe"))
TERSE, TOOLED, OTHER = Profile("Be terse."), Profile("Be kind.", TOOLS), Profile("Be brief.", TOOLS[:1])
BARE, BARE_TOOLED = Profile(), Profile(tools=TOOLS[2:])
LONG = Profile("Be patient. " * 30_000 + "Always.")
# Each profile is new, known, and follows others with more and with fewer tools.
PROFILES = (TERSE, TOOLED, BARE, OTHER, TERSE, LONG, BARE_TOOLED, TOOLED, OTHER, BARE)
# Headers that each request or process has of its own.
OWN = {"x-claude-code-session-id", "x-client-request-id", "content-length", "host"}

ODD = (
    "---\nname: x\n---",
    "@/etc/hostname $ARGUMENTS !`ls` $1 $& $$ $`",
    "a\r\nb\rc",
    "</system-reminder>\x00\x07\u202e\ufeff e\u0301 \U0001f600",
    "# A title\n\n\n```py\n1\n```\n<x>&amp;</x>",
    "\u2028".join("ab"),
    # Claude Code trims the texts of its agents and fills in these variables.
    "\ufeffa\ufeff",
    " \n a\r\n",
    "\r\u2003a\u2003\r",
    "a\n",
    "${CLAUDE_PLUGIN_ROOT} ${CLAUDE_PROJECT_DIR} ${CLAUDE_PLUGIN_DATA} ${CLAUDE_SESSION_ID}\n",
    "${user_config.prompt} ${user_config.prompt-1}",
)


async def ask(worker: Worker, profile: Profile, *turns: str) -> None:
    async with aclosing(worker.ask(profile, SONNET, conversation(*(turns or ("one",))))) as events:
        assert [event async for event in events]


def sent(standin: Standin) -> tuple[dict[str, Any], Mapping[str, str]]:
    """The last request: body and headers without what each process has of its own."""
    last = standin.requests[-1]
    return masked(last.body), {name: value for name, value in last.headers.items() if name not in OWN}


async def test_every_profile_is_sent_as_by_a_fixed_process_of_its_own(bench: Bench, standin: Standin) -> None:
    expected = {}
    bench.is_live = False
    for profile in dict.fromkeys(PROFILES):
        worker = await bench.fresh()
        await ask(worker, profile)
        expected[profile] = sent(standin)
        await worker.close()
    bench.is_live = True
    worker = await bench.fresh()
    for profile in PROFILES:
        await ask(worker, profile)
        assert sent(standin) == expected[profile]
        await ask(worker, profile, "a secret")
    # As the first profile, too.
    worker = await bench.fresh()
    await ask(worker, TOOLED)
    assert sent(standin) == expected[TOOLED]
    assert all(recorded.refusal is None for recorded in standin.requests)


async def test_odd_prompts_arrive_unchanged(bench: Bench, standin: Standin) -> None:
    worker = await bench.fresh()
    first = f"\ufeff {ODD[0]} \r\n"
    for text in (first, *ODD, first, *ODD[-3:]):
        await ask(worker, Profile(text))
        assert sent(standin)[0]["system"][-1]["text"] == text


async def test_a_prompt_that_was_known_long_ago_is_read_again(bench: Bench, standin: Standin) -> None:
    worker = await bench.fresh()
    for number in (*range(MOST_KNOWN + 3), 0, 1, MOST_KNOWN, 0):
        await ask(worker, Profile(f"Prompt {number}."))
        assert sent(standin)[0]["system"][-1]["text"] == f"Prompt {number}."


async def test_only_a_new_prompt_and_new_tools_are_awaited_before_the_question(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = [0]
    write = CliProcess.write

    async def spy(self: CliProcess, *frames: Mapping[str, object]) -> None:
        writes[-1] += 1
        await write(self, *frames)

    monkeypatch.setattr(CliProcess, "write", spy)
    worker = await bench.fresh()
    counts = []
    for profile in (TERSE, TERSE, BARE, TERSE, BARE, OTHER, TERSE, OTHER, TOOLED, BARE_TOOLED, TOOLED):
        writes.append(0)
        await ask(worker, profile)
        counts.append(writes[-1])
    # `BARE` is the first without a prompt; `OTHER` has a new prompt and a new tool, `TOOLED` as well.
    assert counts[1:] == [1, 2, 1, 1, 3, 1, 1, 3, 1, 1]


async def test_no_question_is_sent_under_a_prompt_that_was_refused(
    bench: Bench, standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claude Code keeps the prompt that it has, which is that of another conversation."""

    async def unknown(self: LiveProfile, profile: Profile) -> str:
        return "drawbridge:unknown"

    worker = await bench.fresh()
    await ask(worker, TERSE)
    monkeypatch.setattr(LiveProfile, "agent_with", unknown)
    with pytest.raises(UnexpectedOutput):
        await ask(worker, OTHER)
    assert not worker.is_at_rest
    # The process would send it within this time.
    await asyncio.sleep(1)
    assert len(standin.requests) == 1


async def test_another_owner_is_refused(bench: Bench, standin: Standin) -> None:
    worker = await bench.fresh()
    await ask(worker, TERSE)
    with pytest.raises(UnexpectedOutput):
        await ask(worker, replace(TERSE, owner="another"))
    assert len(standin.requests) == 1


async def test_no_file_has_a_prompt(bench: Bench, standin: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins: list[Plugin] = []
    add = Plugin.add

    def spy(self: Plugin, name: str) -> None:
        plugins.append(self)
        add(self, name)

    monkeypatch.setattr(Plugin, "add", spy)
    worker = await bench.fresh()
    for number in range(MOST_KNOWN + 3):
        await ask(worker, Profile(f"../../{number} SECRET"))
    folder = plugins[0].folder
    assert folder.stat().st_mode & 0o077 == 0
    assert len(list((folder / "agents").iterdir())) == MOST_KNOWN
    files = [path for path in folder.parent.rglob("*") if path.is_file()]
    assert files
    assert not any(b"SECRET" in path.read_bytes() for path in files)
    await worker.close()
    assert not folder.parent.exists()
