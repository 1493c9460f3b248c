"""The check itself: a few questions, and a look at what arrives upstream for each of them."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from server.claude.protocol.frames import SERVER
from server.conversation.events import StopReason
from server.conversation.parts import Message, Text, ToolCall, ToolResult
from server.conversation.request import ModelSettings, Tool
from server.errors import AnswerCut, DrawbridgeError, EngineError, EngineSurprise, PromptTooLong
from server.machine.guards import Guard
from server.machine.temp_folders import Scratch
from server.selfcheck.capabilities import Capability, Finding, Undecided
from server.selfcheck.harness import ANSWER, PROFILE, SIGN_IN, Heard, Stage, conversation, open_stage
from server.selfcheck.request_view import Body, fields, masked, system, tools, turns
from server.standin.script import Pause, Reply, Usage, call, say

LONGEST_S = 60.0
# Two models that every account knows by these names; which ones they stand for does not matter.
USUAL = ModelSettings(model="sonnet")
OTHER = ModelSettings(model="opus", effort="low", max_tokens=2345, stop_sequences=("drawbridge-stop",))
# Parts of the window that the last answer says it has read: around where Claude Code would shorten a conversation.
FILLED = (0.85, 0.97, 0.99)
PREAMBLE_LENGTH = 2000
# A limit is told of before the answer has ended, and its process killed at the word. The API leaves a few milliseconds
# for that; here it is longer, and there are two tries, so that a busy computer is not taken for a bad Claude Code.
LIMITED = say(ANSWER, stop_reason="max_tokens", before_stop=(Pause(1),))
LIMIT_TRIES = 2
# The names of tools that Claude Code has itself as well: they must mean the client's.
CALLS = ("Bash", "Agent")
_SCHEMA: dict[str, object] = {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {}}}
# They go through a variable, and systems differ in how long one may be: 32 kB, 128 kB, or more.
_WORDS = "A depth. " * 8000
TOOLED = replace(PROFILE, tools=tuple(Tool(name, _WORDS, json.dumps(_SCHEMA)) for name in CALLS))
TOOLS_UPSTREAM = [
    {"name": tool.name, "description": tool.description, "input_schema": _SCHEMA} for tool in TOOLED.tools
]
# The pause is longer than an answer of its own would take.
CALLED = Reply(
    (*(call(name, {}, id=f"toolu_{number}") for number, name in enumerate(CALLS)), Pause(0.3)), stop_reason="tool_use"
)


async def examine(cli: Path, inherited: Mapping[str, str], *, scratch: Scratch, guard: Guard) -> tuple[Finding, ...]:
    """A finding for each capability of the Claude Code at `cli`; one process at a time, which is gone afterwards.

    Raises `Undecided` where it could not be done.
    """
    try:
        async with asyncio.timeout(LONGEST_S), open_stage(cli, inherited, scratch=scratch, guard=guard) as stage:
            return await Examination(stage).findings()
    except TimeoutError as error:
        raise Undecided("it took too long") from error
    except EngineError as error:
        # A slow or dying process says nothing of what it would do.
        raise Undecided(f"{type(error).__name__}: {error.message}") from error


class Examination:
    """One run over one stage. The order counts: what may confuse the process comes last, and what kills it at the end.

    Each scene looks only at what its own capability changes, so that one that is missing does not accuse another.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._faults: dict[Capability, str] = {}
        self._fresh: Body = {}

    async def findings(self) -> tuple[Finding, ...]:
        """Plays all scenes."""
        await self._play(Capability.SYSTEM_PROMPT, self._first_question)
        await self._play(Capability.BOUNDARY, self._forgetting)
        await self._play(Capability.HISTORY, self._history)
        await self._play(Capability.SETTINGS, self._settings)
        await self._play(Capability.PLAIN_TEXT, self._plain_text)
        await self._play(Capability.NO_COMPACTION, self._full_window)
        await self._play(Capability.TOOLS, self._client_tools)
        await self._play(Capability.ONE_CALL, self._limit)
        if sys.platform != "darwin":
            # There the sign-in lies in the keychain, and a check must not come near the user's own.
            await self._play(Capability.SIGN_IN, self._sign_in)
        self._tools()
        return tuple(Finding(one, one not in self._faults, self._faults.get(one, "")) for one in Capability)

    async def _play(self, capability: Capability, scene: Callable[[], Awaitable[None]]) -> None:
        """Plays one scene; a refusal in it is a fault. Raises what says nothing of the capability."""
        try:
            await scene()
        except EngineError as error:
            is_answer = isinstance(error, AnswerCut | EngineSurprise) and not isinstance(error.__cause__, TimeoutError)
            if not is_answer:
                raise
            self._fault(capability, error.message)
        except DrawbridgeError as error:
            self._fault(capability, error.message)

    def _fault(self, capability: Capability, words: str) -> None:
        # What was seen first is nearest to the cause.
        self._faults.setdefault(capability, words)

    def _expect(self, capability: Capability, words: str, *, that: bool) -> None:
        if not that:
            self._fault(capability, words)

    async def _ask(self, *texts: str, settings: ModelSettings = USUAL) -> Body:
        """The request that a whole conversation made."""
        heard = await self._stage.ask(*texts, settings=settings)
        self._expect(Capability.ONE_CALL, _calls(heard), that=len(heard.bodies) == 1)
        return heard.body

    async def _first_question(self) -> None:
        self._fresh = await self._ask("one")
        *others, last = system(self._fresh) or [""]
        self._expect(Capability.SYSTEM_PROMPT, "it did not arrive as it was sent", that=last == PROFILE.system)
        is_short = sum(map(len, others)) < PREAMBLE_LENGTH
        self._expect(Capability.SYSTEM_PROMPT, "a long one of its own stands before ours", that=is_short)

    async def _forgetting(self) -> None:
        await self._ask("a lantern")
        again = await self._ask("one")
        self._expect(Capability.BOUNDARY, "what was said before came again", that="lantern" not in masked(again))
        is_fresh = masked(again) == masked(self._fresh)
        self._expect(Capability.BOUNDARY, "the next conversation is not as a fresh one", that=is_fresh)

    async def _history(self) -> None:
        body = await self._ask("an anchor", "a compass", "a rudder")
        expected = [("user", ("an anchor",)), ("assistant", ("a compass",)), ("user", ("a rudder",))]
        self._expect(Capability.HISTORY, "other turns arrived than were sent", that=turns(body)[-3:] == expected)

    async def _settings(self) -> None:
        births = self._stage.births
        other = await self._ask("a sextant", settings=OTHER)
        found = fields(other)
        effort = found.get("output_config")
        for name, is_followed in {
            "model": found.get("model") != fields(self._fresh).get("model"),
            "effort": isinstance(effort, dict) and effort.get("effort") == OTHER.effort,
            "output limit": found.get("max_tokens") == OTHER.max_tokens,
            "stop sequences": found.get("stop_sequences") == list(OTHER.stop_sequences),
        }.items():
            self._expect(Capability.SETTINGS, f"the {name} did not arrive", that=is_followed)
        # In the middle of a conversation the engine does say that the model is another one now.
        is_clean = turns(other)[-1:] == [("user", ("a sextant",))] or Capability.BOUNDARY in self._faults
        self._expect(Capability.SETTINGS, "a change of the model leaves words in the conversation", that=is_clean)
        again = await self._ask("one")
        is_reset = fields(again) == fields(self._fresh)
        self._expect(Capability.SETTINGS_RESET, "they came again in the next request", that=is_reset)
        is_fresh = masked(again) == masked(self._fresh) or not is_reset or self._stage.births != births
        self._expect(Capability.BOUNDARY, "what was said before came again", that=is_fresh)

    async def _plain_text(self) -> None:
        file = self._stage.home / "file.txt"
        file.write_text("the words of a file")
        mention = f"@{file}"
        body = await self._ask(mention)
        is_plain = turns(body)[-1:] == [("user", (mention,))] and "the words of a file" not in masked(body)
        self._expect(Capability.PLAIN_TEXT, "a path after @ is read as a file", that=is_plain)
        body = (await self._stage.ask("/clear", settings=USUAL)).body
        is_plain = turns(body)[-1:] == [("user", ("/clear",))]
        self._expect(Capability.PLAIN_TEXT, "words after / are run as a command", that=is_plain)

    async def _full_window(self) -> None:
        said = ["a tide"]
        await self._reads(said, 0.0)
        for filled in FILLED:
            try:
                await self._reads(said, filled)
            except PromptTooLong:
                # It refuses to go on, which is honest.
                break

    async def _reads(self, said: list[str], filled: float) -> None:
        """The next turn of the conversation, whose answer says how full the window is."""
        window = self._stage.window or 200_000
        usage = Usage(int(window * filled), cache_creation_input_tokens=0, cache_read_input_tokens=0)
        reply = say(ANSWER, usage=usage)
        heard = await self._stage.ask(*said, settings=USUAL, held=len(said) - 1, reply=reply)
        expected = [("assistant" if number % 2 else "user", (text,)) for number, text in enumerate(said)]
        is_whole = turns(heard.body)[-len(said) :] == expected
        self._expect(Capability.NO_COMPACTION, "a long conversation arrived changed", that=is_whole)
        self._expect(Capability.NO_COMPACTION, _calls(heard), that=len(heard.bodies) == 1)
        said += [ANSWER, f"tide {len(said)}"]

    async def _client_tools(self) -> None:
        await self._stage.end()
        heard = await self._stage.converse(TOOLED, conversation("a sounding"), settings=USUAL, reply=CALLED)
        # They go the way of the settings.
        is_verbatim = heard.body.get("tools") == TOOLS_UPSTREAM or Capability.SETTINGS in self._faults
        self._expect(Capability.TOOLS, "they did not arrive as they were sent", that=is_verbatim)
        is_told = (heard.calls, heard.reason) == (CALLS, StopReason.TOOL_CALLS)
        self._expect(Capability.TOOLS, "a call did not come back", that=is_told)
        self._expect(Capability.ONE_CALL, _calls(heard), that=len(heard.bodies) == 1)
        self._expect(Capability.CALLS, "it answers them itself", that=heard.rests)
        if heard.rests:
            await self._result()
        await self._stage.end()

    async def _result(self) -> None:
        calls = tuple(ToolCall(f"toolu_{number}", name, "{}") for number, name in enumerate(CALLS))
        results = tuple(ToolResult(call.id, (Text(f"{call.name} found nothing"),)) for call in calls)
        said = (*conversation("a sounding"), Message("assistant", calls), Message("user", results))
        heard = await self._stage.converse(TOOLED, said, settings=USUAL, held=2)
        are_there = all(f"{name} found nothing" in masked(heard.body) for name in CALLS)
        self._expect(Capability.CALLS, "a result did not arrive", that=are_there)
        self._expect(Capability.CALLS, _calls(heard), that=len(heard.bodies) == 1)

    async def _limit(self) -> None:
        if Capability.BOUNDARY in self._faults:
            # The full window would still be there.
            await self._stage.end()
        for _ in range(LIMIT_TRIES):
            before = len(self._stage.standin.requests)
            heard = await self._stage.ask("a long answer", settings=USUAL, reply=LIMITED)
            # Its process has been killed for it.
            await self._stage.end()
            calls = len(self._stage.standin.requests) - before
            if calls == 1:
                break
        self._expect(Capability.ONE_CALL, f"{calls} requests for an answer that reached its limit", that=calls == 1)
        self._expect(Capability.ONE_CALL, "a limit is not told of", that=heard.reason is StopReason.LENGTH)

    async def _sign_in(self) -> None:
        await self._stage.sign_in()
        heard = await self._stage.ask("a harbour", settings=USUAL)
        is_theirs = heard.headers.get("authorization") == f"Bearer {SIGN_IN}"
        self._expect(Capability.SIGN_IN, "it asked without the sign-in", that=is_theirs)

    def _tools(self) -> None:
        found = {name for recorded in self._stage.standin.requests for name in tools(recorded.body)}
        names = sorted(name for name in found - set(CALLS) if not name.startswith(f"mcp__{SERVER}__"))
        self._expect(Capability.NO_TOOLS, f"{len(names)} of them are there: {', '.join(names[:3])}", that=not names)


def _calls(heard: Heard) -> str:
    return f"{len(heard.bodies)} requests instead of one"
