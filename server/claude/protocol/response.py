"""Reads the frames of one answer: its events, and whether the process must be killed at a frame."""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from server.claude.protocol.errors import Reported, rejected_until
from server.claude.protocol.frames import Frame
from server.claude.protocol.tool_arguments import object_from
from server.claude.protocol.tool_keys import KeyNames, KeyRenamer
from server.conversation.events import (
    AnswerPart,
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
from server.conversation.models import ModelLimits
from server.conversation.parts import RedactedThinking, Text, Thinking, ToolCall
from server.errors import AnswerCut, DrawbridgeError, UnexpectedOutput, WorkerDied
from server.large_json import dumps

logger = logging.getLogger(__name__)

SYNTHETIC = "<synthetic>"
REASONS = {
    "end_turn": StopReason.END,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.LENGTH,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "tool_use": StopReason.TOOL_CALLS,
    "refusal": StopReason.REFUSAL,
}
Events = Sequence[Event]


class ResponseReader:
    """Reads each frame of one answer once, when it is delivered.

    An answer is complete only with a stop reason: Claude Code's result may report success for one that broke off.

    There are five reasons to kill the process at a frame. After the first four Claude Code sends another request
    upstream by itself, 2 to 6 ms later, and an interrupt comes too late (19 of 30 times; SIGKILL: 0 of 24).
    1. The answer reached its token limit, was refused, or filled the context window.
    2. The answer has no visible text.
    3. The answer broke off, which Claude Code follows up with a synthetic user message.
    4. A call that Claude Code answers by itself: of an unknown tool, with arguments that are no JSON object, or in an
       answer that did not stop for its calls.
    5. The answer broke off after a complete call: Claude Code waits for the call's result and reports nothing.

    `names` maps the tools' legal names to the client's, `keys` the names of their arguments. `answered`: ids of the
    calls whose results were just written. `resets_at`: when a usage limit that an earlier answer met ends. `spent_usd`:
    the cost of the process before this answer, since a result reports their sum.
    """

    def __init__(
        self,
        names: Mapping[str, str] | None = None,
        answered: Collection[str] = (),
        *,
        keys: KeyNames | None = None,
        resets_at: float | None = None,
        spent_usd: float = 0.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.calls: tuple[str, ...] = ()
        self.limits: tuple[ModelLimits, ...] = ()
        self.is_over = False
        self.awaits_results = False
        self._names = names or {}
        self._keys = keys or {}
        self._answered = frozenset(answered)
        self._spent_usd = spent_usd
        self._now = now
        self._is_started = False
        self._is_visible = False
        self._is_interrupted = False
        self._answers_itself = False
        self._open: set[int] = set()
        self._arguments: dict[int, list[str]] = {}
        self._renamers: dict[int, KeyRenamer] = {}
        self._signatures: dict[int, str] = {}
        self._reason: str | None = None
        self._stop_sequence: str | None = None
        self._usage: dict[str, Any] = {}
        self._complaint: Frame | None = None
        self._resets_at = resets_at if resets_at is not None and resets_at > now() else None

    def feed(self, frame: Frame) -> tuple[Events, bool]:
        """The events of `frame`, and whether the process must be killed at it. The last is `Finished` or `Failed`.

        Nothing is raised: a frame that cannot be read ends the answer and the process.
        """
        was_over = self.is_over
        try:
            events, kill = self._read(frame)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            logger.warning("cannot read a frame of Claude Code: %r", error)
            events, kill = (
                self._failed(UnexpectedOutput("Claude Code sent something that Drawbridge cannot read.")),
                True,
            )
        if kill and not self.is_over:
            # The killed process sends no other frame, so its end is reported now.
            events = (*events, *self._failed(self.end(is_killed=True)))
        return ((), kill) if was_over else (events, kill)

    def end(self, *, is_killed: bool) -> DrawbridgeError:
        """The error for a process that ended before the answer was complete."""
        if self._complaint is not None:
            return self._failure(None)
        return AnswerCut() if is_killed else WorkerDied()

    def interrupt(self) -> None:
        """Call this before an interrupt: from then on, frames yield no events and are no reason to kill the process."""
        self.is_over = self._is_interrupted = True

    def _read(self, frame: Any) -> tuple[Events, bool]:
        match frame.get("type"):
            case "stream_event":
                return self._stream(frame["event"])
            case "user":
                return (), not self._is_interrupted and self._is_second_request(frame)
            case "assistant":
                # Claude Code reports a failure by a message of its own, after which it may even continue.
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
                return self._part_delta(event["index"], event["delta"]), False
            case "content_block_start":
                return self._part_started(event["index"], event["content_block"]), False
            case "content_block_stop":
                return self._part_ended(event["index"]), False
            case "message_start":
                return self._started(event["message"]), False
            case "message_delta":
                return self._message_delta(event)
            case "message_stop":
                # Reason 5. Complete calls have been started already.
                return (), bool(self._arguments) and self._reason is None and not self._is_interrupted
        return (), False

    def _started(self, message: Any) -> Events:
        if self._is_started:
            return self._failed(AnswerCut())
        self._is_started = True
        self._usage = dict(message.get("usage") or {})
        return (Started(model=str(message.get("model", "")), usage=usage_of(self._usage)),)

    def _part_started(self, index: Any, block: Any) -> Events:
        if not isinstance(index, int):
            raise TypeError(f"index {index!r}")
        part: AnswerPart
        text = ""
        match block.get("type"):
            case "text":
                part, text = Text(""), str(block.get("text") or "")
                self._is_visible = self._is_visible or bool(text.strip())
            case "thinking":
                part, text = Thinking(""), str(block.get("thinking") or "")
            case "redacted_thinking":
                part = RedactedThinking(str(block["data"]))
            case "tool_use":
                name = str(block["name"])
                part = ToolCall(id=str(block["id"]), name=self._names.get(name, name))
                self.calls = (*self.calls, part.id)
                self._arguments[index] = []
                if part.name in self._keys:
                    self._renamers[index] = KeyRenamer(self._keys[part.name])
                self._answers_itself |= name not in self._names
            case kind:
                return self._failed(UnexpectedOutput(f"Claude sent a content block of the unexpected type {kind!r}."))
        self._open.add(index)
        return (PartStarted(index, part), PartDelta(index, text)) if text else (PartStarted(index, part),)

    def _part_delta(self, index: int, delta: Any) -> Events:
        match delta.get("type"):
            case "text_delta":
                text = delta.get("text")
                if text and not self._is_visible:
                    self._is_visible = bool(str(text).strip())
            case "thinking_delta":
                text = delta.get("thinking")
            case "input_json_delta":
                text = delta.get("partial_json")
                if text and index in self._arguments:
                    self._arguments[index].append(str(text))
                    if index in self._renamers:
                        text = self._renamers[index].feed(str(text))
            case "signature_delta":
                self._signatures[index] = self._signatures.get(index, "") + str(delta.get("signature", ""))
                return ()
            case "citations_delta":
                return (PartDelta(index, "", citation=dumps(delta["citation"])),)
            case _:
                # Unknown kinds are not part of the answer's text.
                return ()
        return (PartDelta(index, str(text)),) if text else ()

    def _part_ended(self, index: int) -> Events:
        if index not in self._open:
            return ()
        self._open.discard(index)
        ended = PartEnded(index, self._signatures.get(index))
        if (arguments := self._arguments.get(index)) is None:
            return (ended,)
        self._answers_itself |= object_from("".join(arguments)) is None
        if index in self._renamers and (rest := self._renamers[index].end()):
            return (PartDelta(index, rest), ended)
        return (ended,) if arguments else (PartDelta(index, "{}"), ended)

    def _message_delta(self, event: Any) -> tuple[Events, bool]:
        delta = event.get("delta") or {}
        reason = delta.get("stop_reason")
        self._reason = reason or self._reason
        self._stop_sequence = delta.get("stop_sequence") or self._stop_sequence
        self._usage |= {name: value for name, value in (event.get("usage") or {}).items() if value is not None}
        kill = reason is not None and self._is_followed_by_a_request(reason)
        if self._reason != "tool_use" and not kill:
            return (), False
        # No result follows: the process is killed, or waits for the results of its calls.
        if self._open:
            return self._failed(AnswerCut()), kill
        self.awaits_results = self._reason == "tool_use" and not kill and not self.is_over
        return self._finished(usage_of(self._usage), None), kill

    def _is_followed_by_a_request(self, reason: str) -> bool:
        """Whether Claude Code would send another request after this answer: reasons 1, 2 and 4."""
        if reason in {"end_turn", "stop_sequence"}:
            return not self._is_visible or bool(self._arguments)
        return reason != "tool_use" or self._answers_itself or not self._arguments

    def _is_second_request(self, frame: Any) -> bool:
        """Whether `frame` announces another request: reason 3, and reason 4 if Claude Code answers a call late."""
        content = frame.get("message", {}).get("content")
        blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
        results = {str(block.get("tool_use_id")) for block in blocks if block.get("type") == "tool_result"}
        self._answers_itself |= not results <= self._answered
        return bool(frame.get("isSynthetic")) or (self._answers_itself and self._reason is not None)

    def _result(self, result: Any) -> Events:
        if self.is_over:
            return ()
        if result.get("is_error") or self._complaint is not None:
            return self._failed(self._failure(result))
        if self._reason is None or not self._is_started or self._open:
            return self._failed(AnswerCut())
        self.limits = _limits(result.get("modelUsage") or {})
        # The stream counts this answer; the result adds only the share of thinking.
        total_usd = result.get("total_cost_usd")
        cost_usd = max(0.0, total_usd - self._spent_usd) if isinstance(total_usd, int | float) else None
        return self._finished(usage_of({**(result.get("usage") or {}), **self._usage}), cost_usd)

    def _finished(self, usage: Usage, cost_usd: float | None) -> Events:
        reason = REASONS.get(self._reason or "")
        if reason is None:
            return self._failed(UnexpectedOutput(f"Claude ended its answer for the unknown reason {self._reason!r}."))
        self.is_over = True
        return (Finished(reason, self._stop_sequence, usage, cost_usd),)

    def _failed(self, error: DrawbridgeError) -> Events:
        if self.is_over:
            return ()
        self.is_over = True
        return (Failed(error),)

    def _failure(self, result: Any) -> DrawbridgeError:
        """The error of a failed request. A failure without a status after the answer has begun means a cut answer."""
        reported = Reported.read(self._complaint, result)
        if self._is_started and reported.status is None:
            logger.info("the answer broke off: %s", reported.kind or "no reason given")
            return AnswerCut()
        return reported.as_error(resets_at=self._resets_at, now=self._now())


def _limits(usage: dict[str, Any]) -> tuple[ModelLimits, ...]:
    """The limits of the models in a result's `modelUsage`, if it contains them."""
    return tuple(
        ModelLimits(model, int(row["contextWindow"]), int(row["maxOutputTokens"]))
        for model, row in usage.items()
        if row.get("contextWindow") and row.get("maxOutputTokens")
    )


def usage_of(usage: dict[str, Any]) -> Usage:
    """The tokens as Claude's API counts them."""
    details = usage.get("output_tokens_details") or {}
    return Usage(
        input=int(usage.get("input_tokens") or 0),
        cache_creation=int(usage.get("cache_creation_input_tokens") or 0),
        cache_read=int(usage.get("cache_read_input_tokens") or 0),
        output=int(usage.get("output_tokens") or 0),
        thinking=int(details.get("thinking_tokens") or 0),
    )
