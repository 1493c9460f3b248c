"""Reads the frames of one answer of an agent as events. An answer consists of several messages, with calls between."""

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any  # frames are foreign JSON

from server.agents.running.progress import call_line, result_line
from server.claude.protocol.errors import Reported, rejected_until
from server.claude.protocol.frames import Frame
from server.claude.protocol.response import REASONS, SYNTHETIC, usage_of
from server.claude.protocol.tool_arguments import object_from
from server.claude.protocol.tool_keys import KeyNames, renamed_keys
from server.config import AgentProgress
from server.conversation.events import (
    Event,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
    StopReason,
    Usage,
)
from server.conversation.parts import RedactedThinking, Text, Thinking, ToolCall
from server.errors import AnswerCut, DrawbridgeError, UnexpectedOutput, WorkerDied
from server.large_json import dumps

logger = logging.getLogger(__name__)

Events = Sequence[Event]
# After these Claude Code sends another request by itself, so the process must be killed at once.
_LAST_WORDS = frozenset({"max_tokens", "refusal", "model_context_window_exceeded"})
_NONE: Mapping[str, str] = MappingProxyType({})
_NO_KEYS: KeyNames = MappingProxyType({})


class AgentReader:
    """Takes each frame of one answer once. `feed` returns the events, and whether the process must be killed now.

    The text of later messages follows a blank line. Calls that Claude Code executes are no part of the answer: the
    client would try to execute them too. They are shown as lines of `progress`. Frames of sub-agents are left out.

    `names`: the client's own tools, by the names that Claude sees, `keys` the client's names of their arguments. Their
    calls end the answer: see `hand_over`. `answered`: the ids of such calls for whose results Claude was waiting.
    `spent_usd`: the cost of the process before this answer, since a result reports their sum.
    """

    def __init__(
        self,
        folder: Path,
        progress: AgentProgress = "reasoning",
        *,
        names: Mapping[str, str] = _NONE,
        keys: KeyNames = _NO_KEYS,
        answered: Collection[str] = (),
        spent_usd: float = 0.0,
    ) -> None:
        self._folder = folder
        self._progress = progress
        self._names = names
        self._keys = keys
        self._answered = frozenset(answered)
        self._spent_usd = spent_usd
        self.is_over = False
        self.turns = 0
        self.open_calls: set[str] = set()
        """Calls that are executed now, or wait for the user's decision."""
        self.handed_over: tuple[str, ...] = ()
        """The ids of the client's calls that ended the answer."""
        # The client's calls of this message, and Claude Code's own that come before them.
        self._clients_calls: dict[str, ToolCall] = {}
        self._earlier_calls: frozenset[str] = frozenset()
        self._next = 0
        self._parts: dict[int, int] = {}
        self._calls: dict[int, tuple[str, str, list[str]]] = {}
        self._signatures: dict[int, str] = {}
        # The kind of what was shown last, and whether it was shown by the message that is being read.
        self._last = ""
        self._is_new_message = False
        self._is_visible = False
        self._reason: str | None = None
        self._stop_sequence: str | None = None
        self._streamed: dict[str, Any] = {}
        self._before = Usage()
        self._complaint: Frame | None = None
        self._resets_at: float | None = None

    def feed(self, frame: Frame) -> tuple[Events, bool]:
        """Nothing is raised: a frame that cannot be read ends the answer and the process."""
        if self.is_over:
            self.open_calls -= _results_in(frame)
            return (), False
        try:
            return self._read(frame)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            logger.warning("cannot read a frame of Claude Code: %r", error)
            return self.fail(UnexpectedOutput("Claude Code sent something that Drawbridge cannot read.")), True

    def fail(self, error: DrawbridgeError) -> Events:
        """Ends the answer with `error`, if it has not ended."""
        if self.is_over:
            return ()
        self.is_over = True
        return (Failed(error),)

    def end(self) -> Events:
        """The events after the process has ended."""
        return self.fail(AnswerCut() if self.turns and self._complaint is None else self._error({}, WorkerDied()))

    def _read(self, frame: Any) -> tuple[Events, bool]:
        if frame.get("parent_tool_use_id"):
            return (), False
        match frame.get("type"):
            case "stream_event":
                return self._stream(frame["event"])
            case "user":
                return self._results(frame["message"].get("content")), False
            case "assistant":
                if frame.get("error") is not None or frame["message"].get("model") == SYNTHETIC:
                    self._complaint = frame
            case "rate_limit_event":
                self._resets_at = rejected_until(frame) or self._resets_at
            case "result":
                return self._result(frame), False
        return (), False

    def _stream(self, event: Any) -> tuple[Events, bool]:
        match event.get("type"):
            case "content_block_delta":
                return self._delta(event["index"], event["delta"]), False
            case "content_block_start":
                return self._part_started(event["index"], event["content_block"]), False
            case "content_block_stop":
                return self._part_ended(event["index"]), False
            case "message_start":
                return self._message_started(event["message"]), False
            case "message_delta":
                return self._message_delta(event)
        return (), False

    def _message_started(self, message: Any) -> Events:
        self.turns += 1
        self._is_new_message, self._is_visible, self._reason = True, False, None
        self._parts, self._calls, self._signatures = {}, {}, {}
        self._clients_calls, self._earlier_calls = {}, frozenset()
        self._before = _sum(self._before, usage_of(self._streamed))
        self._streamed = dict(message.get("usage") or {})
        return (Started(str(message.get("model", "")), usage_of(self._streamed)),) if self.turns == 1 else ()

    def _part_started(self, index: int, block: Any) -> Events:
        match block.get("type"):
            case "text":
                text = str(block.get("text") or "")
                return (*self._open(index, Text("")), *self._text(index, text))
            case "thinking":
                return self._open(index, Thinking(""))
            case "redacted_thinking":
                return self._open(index, RedactedThinking(str(block["data"])))
            case "tool_use":
                self._calls[index] = (str(block["id"]), str(block["name"]), [])
        # Blocks of other kinds, such as those of server tools, are no part of the answer.
        return ()

    def _open(self, index: int, part: Text | Thinking | RedactedThinking) -> Events:
        number, self._next = self._next, self._next + 1
        self._parts[index] = number
        return (PartStarted(number, part),)

    def _text(self, index: int, text: str) -> Events:
        """Text of the answer, after a blank line if something of an earlier message was shown as text."""
        if not text:
            return ()
        gap = ""
        if self._is_new_message:
            gap = {"text": "\n\n", "progress": "\n"}.get(self._last, "")
            self._is_new_message = False
        self._is_visible = self._is_visible or bool(text.strip())
        self._last = "text"
        return (PartDelta(self._parts[index], gap + text),)

    def _delta(self, index: int, delta: Any) -> Events:
        match delta.get("type"):
            case "text_delta":
                return self._text(index, str(delta.get("text") or ""))
            case "thinking_delta":
                text = str(delta.get("thinking") or "")
                return (PartDelta(self._parts[index], text),) if text else ()
            case "input_json_delta" if index in self._calls:
                self._calls[index][2].append(str(delta.get("partial_json") or ""))
            case "signature_delta":
                self._signatures[index] = self._signatures.get(index, "") + str(delta.get("signature", ""))
        return ()

    def _part_ended(self, index: int) -> Events:
        if index in self._parts:
            return (PartEnded(self._parts.pop(index), self._signatures.get(index)),)
        if index not in self._calls:
            return ()
        call, tool, arguments = self._calls[index]
        if tool in self._names:
            self._earlier_calls = self._earlier_calls if self._clients_calls else frozenset(self.open_calls)
            self._clients_calls[call] = ToolCall(call, self._names[tool], "".join(arguments))
            return ()
        self.open_calls.add(call)
        return self._shown(call_line(tool, "".join(arguments), self._folder))

    def hand_over(self, waiting: Collection[str]) -> Events:
        """Ends the answer with the client's calls, once Claude Code can do no more without their results.

        `waiting`: the ids of the calls for which Claude Code waits. It executes the calls of a message in order, so
        those before the client's first one are complete then. Calls that it has refused by itself are left out.
        """
        first = next(iter(self._clients_calls), None)
        if self.is_over or self._reason != "tool_use" or first not in waiting:
            return ()
        if self._earlier_calls & self.open_calls:
            return ()
        events: list[Event] = []
        for call in self._clients_calls.values():
            number, self._next = self._next, self._next + 1
            arguments = self._clients_arguments(call)
            events += (
                PartStarted(number, ToolCall(call.id, call.name)),
                PartDelta(number, arguments),
                PartEnded(number),
            )
        self.is_over, self.handed_over = True, tuple(self._clients_calls)
        usage = _sum(self._before, usage_of(self._streamed))
        return (*events, Finished(StopReason.TOOL_CALLS, None, usage, None))

    def _clients_arguments(self, call: ToolCall) -> str:
        names = self._keys.get(call.name)
        arguments = object_from(call.arguments) if names else None
        return call.arguments if names is None or arguments is None else dumps(renamed_keys(arguments, names))

    def _shown(self, line: str) -> Events:
        """A line of progress as a part of its own."""
        if self._progress == "off":
            return ()
        part = Thinking("") if self._progress == "reasoning" else Text("")
        gap = ""
        if self._progress == "content":
            gap = "\n\n" if self._last == "text" else ""
            self._last = "progress"
        number, self._next = self._next, self._next + 1
        return (PartStarted(number, part), PartDelta(number, f"{gap}{line}\n"), PartEnded(number))

    def _results(self, content: Any) -> Events:
        events: list[Event] = []
        for block in content if isinstance(content, list) else []:
            if isinstance(block, dict) and block.get("type") == "tool_result":
                call = str(block.get("tool_use_id"))
                self.open_calls.discard(call)
                if self._clients_calls.pop(call, None) is None and call not in self._answered:
                    line = result_line(block.get("content"), is_error=bool(block.get("is_error")))
                    events += self._shown(line)
        return events

    def _message_delta(self, event: Any) -> tuple[Events, bool]:
        delta = event.get("delta") or {}
        self._reason = delta.get("stop_reason") or self._reason
        self._stop_sequence = delta.get("stop_sequence") or self._stop_sequence
        self._streamed |= {name: value for name, value in (event.get("usage") or {}).items() if value is not None}
        is_silent = self._reason in {"end_turn", "stop_sequence"} and not self._is_visible
        if self._reason not in _LAST_WORDS and not is_silent:
            return (), False
        return self._finished(_sum(self._before, usage_of(self._streamed)), None), True

    def _result(self, result: Any) -> Events:
        if result.get("is_error") or self._complaint is not None:
            return self.fail(self._error(result, AnswerCut()))
        if self._reason is None or self._reason == "tool_use":
            return self.fail(AnswerCut())
        total_usd = result.get("total_cost_usd")
        cost_usd = max(0.0, total_usd - self._spent_usd) if isinstance(total_usd, int | float) else None
        # Of a turn that a client's calls have parted, it reports the sum.
        reported = None if self._answered else _all_calls(result)
        return self._finished(reported or _sum(self._before, usage_of(self._streamed)), cost_usd)

    def _finished(self, usage: Usage, cost_usd: float | None) -> Events:
        reason = REASONS.get(self._reason or "")
        if reason is None or reason is StopReason.TOOL_CALLS:
            return self.fail(UnexpectedOutput(f"Claude ended its answer for the unknown reason {self._reason!r}."))
        self.is_over = True
        ended = tuple(PartEnded(number) for number in self._parts.values())
        return (*ended, Finished(reason, self._stop_sequence, usage, cost_usd))

    def _error(self, result: Any, otherwise: DrawbridgeError) -> DrawbridgeError:
        """The error of a failed request upstream; `otherwise` if there is no word of one."""
        reported = Reported.read(self._complaint, result)
        if reported.kind is None and reported.status is None:
            return otherwise
        return reported.as_error(resets_at=self._resets_at, now=time.time())


def _results_in(frame: Any) -> set[str]:
    """The ids of the calls whose results are in the frame."""
    message = frame.get("message") if frame.get("type") == "user" else None
    content = message.get("content") if isinstance(message, dict) else None
    blocks = content if isinstance(content, list) else []
    return {str(block.get("tool_use_id")) for block in blocks if isinstance(block, dict)}


def _all_calls(result: Any) -> Usage | None:
    """The tokens of all requests since the last result, also those of sub-agents; None if they are not reported."""
    rows = result.get("model_usage_since_last_result")
    found = [
        Usage(
            input=int(row.get("inputTokens") or 0),
            cache_creation=int(row.get("cacheCreationInputTokens") or 0),
            cache_read=int(row.get("cacheReadInputTokens") or 0),
            output=int(row.get("outputTokens") or 0),
            thinking=int(row.get("thinkingTokens") or 0),
        )
        for row in (rows.values() if isinstance(rows, dict) else ())
    ]
    total = Usage()
    for usage in found:
        total = _sum(total, usage)
    return total if found else None


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.input + other.input,
        one.cache_creation + other.cache_creation,
        one.cache_read + other.cache_read,
        one.output + other.output,
        one.thinking + other.thinking,
    )
