"""The probes: a few requests to a Claude Code, and comparisons of what arrives upstream with what should."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from server.claude.protocol.frames import SERVER
from server.conversation.events import StopReason
from server.conversation.parts import Message, Text, ToolCall, ToolResult
from server.conversation.request import ModelSettings, Profile, Tool
from server.errors import AnswerCut, DrawbridgeError, EngineError, PromptTooLong, UnexpectedOutput
from server.machine.files.temp_folders import Scratch
from server.machine.processes.guards import Guard
from server.selfcheck.capabilities import Capability, CheckInconclusive, ProbeResult
from server.selfcheck.harness import ANSWER, PROFILE, SIGN_IN_TOKEN, Harness, Observation, conversation, open_harness
from server.selfcheck.request_view import Body, masked, messages, settings, system, tools
from server.standin.script import Pause, Reply, Usage, call, say

TIMEOUT_S = 60.0
# Two model names that every account knows; which models they resolve to does not matter.
USUAL = ModelSettings(model="sonnet")
OTHER = ModelSettings(model="opus", effort="low", max_tokens=2345, stop_sequences=("drawbridge-stop",))
# Shares of the context window that the previous answer reports as used: around where Claude Code would compact.
FILLED = (0.85, 0.97, 0.99)
MAX_PREAMBLE_LENGTH = 2000
# The worker reads the stop reason before the answer has ended and kills the process at once. The API leaves a few
# milliseconds for that; here it is longer, and there are two tries, so that a busy computer does not look like a fault.
LIMITED = say(ANSWER, stop_reason="max_tokens", before_stop=(Pause(1),))
LIMIT_TRIES = 2
# Claude Code has tools of these names itself: the calls must reach the client's.
CALLS = ("Bash", "Agent")
_SCHEMA: dict[str, object] = {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {}}}
# Tools go through an environment variable, whose length systems limit differently: 32 kB, 128 kB, or more.
_DESCRIPTION = "A depth. " * 8000
TOOLED = replace(PROFILE, tools=tuple(Tool(name, _DESCRIPTION, json.dumps(_SCHEMA)) for name in CALLS))
# A live process knows the first as an alias, and the second by its name.
LIVE_CALLS = (*CALLS, "drawbridge_sounding")
LIVE_TOOLED = replace(
    PROFILE,
    # In the text of an agent, Claude Code would trim it and replace the variable.
    system="This is another part of a self-check, not in ${CLAUDE_PLUGIN_ROOT}.\n",
    tools=tuple(Tool(name, "A depth.", json.dumps(_SCHEMA)) for name in LIVE_CALLS),
)


def upstream_tools(profile: Profile) -> list[dict[str, object]]:
    """The profile's tools as they should arrive."""
    return [{"name": tool.name, "description": tool.description, "input_schema": _SCHEMA} for tool in profile.tools]


def calling(names: tuple[str, ...]) -> Reply:
    """A reply that calls these tools, with a pause longer than Claude Code would take to answer the calls itself."""
    calls = (call(name, {}, id=f"toolu_{number}") for number, name in enumerate(names))
    return Reply((*calls, Pause(0.3)), stop_reason="tool_use")


async def run_probes(
    cli: Path, inherited: Mapping[str, str], *, scratch: Scratch, guard: Guard
) -> tuple[ProbeResult, ...]:
    """Probes the Claude Code at `cli`, one process at a time. Raises `CheckInconclusive` on a timeout or a death."""
    try:
        async with asyncio.timeout(TIMEOUT_S), open_harness(cli, inherited, scratch=scratch, guard=guard) as harness:
            return await ProbeRun(harness).results()
    except TimeoutError as error:
        raise CheckInconclusive("it took too long") from error
    except EngineError as error:
        # A slow or dying process does not show what a healthy one would do.
        raise CheckInconclusive(f"{type(error).__name__}: {error.message}") from error


class ProbeRun:
    """One run of all probes. The order matters: probes that may confuse or kill the process come last.

    Each probe compares only what its own capability changes, so that one fault is not reported as several.
    """

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self._faults: dict[Capability, str] = {}
        self._fresh: Body = {}

    async def results(self) -> tuple[ProbeResult, ...]:
        """Runs all probes."""
        await self._probe(Capability.SYSTEM_PROMPT, self._system_prompt)
        await self._probe(Capability.RESET, self._reset)
        await self._probe(Capability.HISTORY, self._history)
        await self._probe(Capability.SETTINGS, self._settings)
        await self._probe(Capability.PLAIN_TEXT, self._plain_text)
        await self._probe(Capability.NO_COMPACTION, self._full_window)
        await self._probe(Capability.TOOLS, self._client_tools)
        await self._probe(Capability.ONE_CALL, self._output_limit)
        self._no_tools()
        if not self._faults:
            # Otherwise nothing depends on it.
            await self._probe(Capability.LIVE, self._live)
        if not self._faults:
            await self._probe(Capability.WARM_UP, self._warm_up)
        if sys.platform != "darwin":
            # On macOS the sign-in is in the keychain, and the check must not touch the user's own.
            await self._probe(Capability.SIGN_IN, self._sign_in)
        return tuple(ProbeResult(one, one not in self._faults, self._faults.get(one, "")) for one in Capability)

    async def _probe(self, capability: Capability, probe: Callable[[], Awaitable[None]]) -> None:
        """Runs one probe; a refused request is a fault. Raises errors that do not concern the capability."""
        try:
            await probe()
        except EngineError as error:
            is_answer = isinstance(error, AnswerCut | UnexpectedOutput) and not isinstance(
                error.__cause__, TimeoutError
            )
            if not is_answer:
                raise
            self._fault(capability, error.message)
        except DrawbridgeError as error:
            self._fault(capability, error.message)

    def _fault(self, capability: Capability, detail: str) -> None:
        # The first fault is nearest to the cause.
        self._faults.setdefault(capability, detail)

    def _expect(self, capability: Capability, detail: str, *, that: bool) -> None:
        if not that:
            self._fault(capability, detail)

    async def _send(self, *texts: str, settings: ModelSettings = USUAL) -> Body:
        """Sends a whole conversation and returns the upstream request."""
        seen = await self._harness.send_texts(*texts, settings=settings)
        self._expect(Capability.ONE_CALL, _count(seen), that=len(seen.bodies) == 1)
        return seen.body

    async def _system_prompt(self) -> None:
        self._fresh = await self._send("one")
        *others, last = system(self._fresh) or [""]
        self._expect(Capability.SYSTEM_PROMPT, "it arrived changed", that=last == PROFILE.system)
        is_short = sum(map(len, others)) < MAX_PREAMBLE_LENGTH
        self._expect(Capability.SYSTEM_PROMPT, "it adds a long one of its own before ours", that=is_short)

    async def _reset(self) -> None:
        await self._send("a lantern")
        again = await self._send("one")
        self._expect(Capability.RESET, "the previous conversation was sent again", that="lantern" not in masked(again))
        is_fresh = masked(again) == masked(self._fresh)
        self._expect(Capability.RESET, "the next conversation differs from that of a new process", that=is_fresh)

    async def _history(self) -> None:
        body = await self._send("an anchor", "a compass", "a rudder")
        expected = [("user", ("an anchor",)), ("assistant", ("a compass",)), ("user", ("a rudder",))]
        self._expect(Capability.HISTORY, "the messages arrived changed", that=messages(body)[-3:] == expected)

    async def _settings(self) -> None:
        boots = self._harness.boots
        other = await self._send("a sextant", settings=OTHER)
        arrived = settings(other)
        effort = arrived.get("output_config")
        for name, is_followed in {
            "model": arrived.get("model") != settings(self._fresh).get("model"),
            "effort": isinstance(effort, dict) and effort.get("effort") == OTHER.effort,
            "output limit": arrived.get("max_tokens") == OTHER.max_tokens,
            "stop sequences": arrived.get("stop_sequences") == list(OTHER.stop_sequences),
        }.items():
            self._expect(Capability.SETTINGS, f"the {name} did not arrive", that=is_followed)
        # Without a reset Claude Code does add a note about the change of the model.
        is_clean = messages(other)[-1:] == [("user", ("a sextant",))] or Capability.RESET in self._faults
        self._expect(Capability.SETTINGS, "a change of the model adds text to the conversation", that=is_clean)
        again = await self._send("one")
        is_reset = settings(again) == settings(self._fresh)
        self._expect(Capability.SETTINGS_RESET, "they were sent again with the next request", that=is_reset)
        is_fresh = masked(again) == masked(self._fresh) or not is_reset or self._harness.boots != boots
        self._expect(Capability.RESET, "the previous conversation was sent again", that=is_fresh)

    async def _plain_text(self) -> None:
        file = self._harness.home / "file.txt"
        file.write_text("the content of a file")
        mention = f"@{file}"
        body = await self._send(mention)
        is_plain = messages(body)[-1:] == [("user", (mention,))] and "the content of a file" not in masked(body)
        self._expect(Capability.PLAIN_TEXT, "a path after @ is read as a file", that=is_plain)
        body = (await self._harness.send_texts("/clear", settings=USUAL)).body
        is_plain = messages(body)[-1:] == [("user", ("/clear",))]
        self._expect(Capability.PLAIN_TEXT, "text after / runs as a command", that=is_plain)

    async def _full_window(self) -> None:
        texts = ["a tide"]
        await self._send_next(texts, 0.0)
        for filled in FILLED:
            try:
                await self._send_next(texts, filled)
            except PromptTooLong:
                # It refuses to continue, which is correct.
                break

    async def _send_next(self, texts: list[str], filled: float) -> None:
        """Sends the conversation's next message; the answer reports how full the window is."""
        window = self._harness.window or 200_000
        usage = Usage(int(window * filled), cache_creation_input_tokens=0, cache_read_input_tokens=0)
        reply = say(ANSWER, usage=usage)
        seen = await self._harness.send_texts(*texts, settings=USUAL, held=len(texts) - 1, reply=reply)
        expected = [("assistant" if number % 2 else "user", (text,)) for number, text in enumerate(texts)]
        is_whole = messages(seen.body)[-len(texts) :] == expected
        self._expect(Capability.NO_COMPACTION, "a long conversation arrived changed", that=is_whole)
        self._expect(Capability.NO_COMPACTION, _count(seen), that=len(seen.bodies) == 1)
        texts += [ANSWER, f"tide {len(texts)}"]

    async def _client_tools(self) -> None:
        await self._harness.stop_worker()
        seen = await self._harness.send(TOOLED, conversation("a sounding"), settings=USUAL, reply=calling(CALLS))
        # Tools are sent as a setting.
        is_verbatim = seen.body.get("tools") == upstream_tools(TOOLED) or Capability.SETTINGS in self._faults
        self._expect(Capability.TOOLS, "they arrived changed", that=is_verbatim)
        is_passed_on = (seen.calls, seen.reason) == (CALLS, StopReason.TOOL_CALLS)
        self._expect(Capability.TOOLS, "a call was not passed on", that=is_passed_on)
        self._expect(Capability.ONE_CALL, _count(seen), that=len(seen.bodies) == 1)
        self._expect(Capability.CALLS, "it answers them itself", that=seen.is_reusable)
        if seen.is_reusable:
            await self._tool_results()
        await self._harness.stop_worker()

    async def _tool_results(self) -> None:
        calls = tuple(ToolCall(f"toolu_{number}", name, "{}") for number, name in enumerate(CALLS))
        results = tuple(ToolResult(call.id, (Text(f"{call.name} found nothing"),)) for call in calls)
        history = (*conversation("a sounding"), Message("assistant", calls), Message("user", results))
        seen = await self._harness.send(TOOLED, history, settings=USUAL, held=2)
        are_there = all(f"{name} found nothing" in masked(seen.body) for name in CALLS)
        self._expect(Capability.CALLS, "a result did not arrive", that=are_there)
        self._expect(Capability.CALLS, _count(seen), that=len(seen.bodies) == 1)

    async def _output_limit(self) -> None:
        if Capability.RESET in self._faults:
            # The full window of `_full_window` would still be there.
            await self._harness.stop_worker()
        for _ in range(LIMIT_TRIES):
            before = len(self._harness.standin.requests)
            seen = await self._harness.send_texts("a long answer", settings=USUAL, reply=LIMITED)
            # The worker has killed its process.
            await self._harness.stop_worker()
            requests = len(self._harness.standin.requests) - before
            if requests == 1:
                break
        detail = f"{requests} requests for an answer that reached its limit"
        self._expect(Capability.ONE_CALL, detail, that=requests == 1)
        self._expect(Capability.ONE_CALL, "it does not report the limit", that=seen.reason is StopReason.LENGTH)

    async def _live(self) -> None:
        """Changes system prompt and tools of one process: new, known and none. `TOOLED` has both kinds of tools."""
        await self._harness.use_live_processes()
        boots = self._harness.boots
        for _ in range(2):
            await self._live_prompt(PROFILE)
            await self._live_tools()
            await self._live_prompt(replace(PROFILE, system=""))
        is_refused = await self._harness.refuses_unknown_agents()
        self._expect(Capability.LIVE, "it accepts a system prompt that it does not know", that=is_refused)
        await self._live_prompt(PROFILE)
        self._expect(Capability.LIVE, "it could not be used again", that=self._harness.boots == boots + 1)
        await self._harness.stop_worker()

    async def _live_prompt(self, profile: Profile) -> None:
        blocks = system(self._fresh)
        body = (await self._harness.send(profile, conversation("one"), settings=USUAL)).body
        is_theirs = system(body) == [*blocks[:-1], *([profile.system] if profile.system else [])]
        self._expect(Capability.LIVE, "the system prompt of another conversation arrived", that=is_theirs)
        is_equal = masked({**body, "system": None}) == masked({**self._fresh, "system": None})
        self._expect(Capability.LIVE, "the request differs from that of a new process", that=is_equal)

    async def _live_tools(self) -> None:
        seen = await self._harness.send(
            LIVE_TOOLED, conversation("a sounding"), settings=USUAL, reply=calling(LIVE_CALLS)
        )
        is_clean = messages(seen.body) == [("user", ("a sounding",))] and system(seen.body)[-1] == LIVE_TOOLED.system
        self._expect(Capability.LIVE, "a tool's name adds text to the conversation", that=is_clean)
        is_verbatim = seen.body.get("tools") == upstream_tools(LIVE_TOOLED)
        self._expect(Capability.LIVE, "tools arrived changed", that=is_verbatim)
        is_passed_on = seen.calls == LIVE_CALLS and len(seen.bodies) == 1 and seen.is_reusable
        self._expect(Capability.LIVE, "a call was not passed on", that=is_passed_on)

    async def _warm_up(self) -> None:
        """Compares the first request after a warm-up with that of a new process."""
        is_usable = await self._harness.warm_up()
        has_arrived = is_usable and bool(self._harness.questions)
        self._expect(Capability.WARM_UP, "the questions were not answered", that=has_arrived)
        before = len(self._harness.standin.requests)
        seen = await self._harness.send_texts("one", settings=USUAL)
        is_equal = masked(seen.body) == masked(self._fresh)
        self._expect(Capability.WARM_UP, "the first request differs from that of a new process", that=is_equal)
        is_alone = len(self._harness.standin.requests) == before + 1
        self._expect(Capability.WARM_UP, "a question went to Claude's API", that=is_alone)

    async def _sign_in(self) -> None:
        await self._harness.use_plan_sign_in()
        seen = await self._harness.send_texts("a harbour", settings=USUAL)
        is_theirs = seen.headers.get("authorization") == f"Bearer {SIGN_IN_TOKEN}"
        self._expect(Capability.SIGN_IN, "its request came without the sign-in", that=is_theirs)

    def _no_tools(self) -> None:
        offered = {name for recorded in self._harness.standin.requests for name in tools(recorded.body)}
        names = sorted(name for name in offered - set(CALLS) if not name.startswith(f"mcp__{SERVER}__"))
        self._expect(Capability.NO_TOOLS, f"it offers {len(names)}: {', '.join(names[:3])}", that=not names)


def _count(seen: Observation) -> str:
    return f"{len(seen.bodies)} requests instead of one"
