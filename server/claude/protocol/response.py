"""What Claude Code says, as neutral events; and the rule that no answer passes for whole that is not."""

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from server.claude.protocol.errors import upstream_error
from server.claude.protocol.tool_arguments import object_from
from server.claude.sdk_types import (
    AssistantMessage,
    Message,
    RateLimitEvent,
    ResultMessage,
    StreamEvent,
    TextBlock,
)
from server.conversation.events import (
    AnswerPart,
    Event,
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


class Leash:
    """Looks at every frame before anybody else does, and says when the process must die for it.

    Claude Code sends a second request upstream by itself, a few milliseconds after (1) an answer that reached its
    token limit, was refused, or filled the context window, (2) an answer with no visible text, (3) an answer that
    broke off, which it announces with a user message of its own making, (4) a call that it answers by itself: of a tool
    that nobody offered, or with arguments that are no JSON object. An interrupt comes too late for any of them.
    And (5) it waits for the results of whole calls in an answer that broke off, without a word about that.

    `names` are those of the tools, `answered` the ids of the calls whose results were given to it for this answer.
    """

    def __init__(self, names: Collection[str] = (), answered: Collection[str] = ()) -> None:
        self._names = names
        self._answered = answered
        self._visible = False
        self._calls: dict[object, list[str]] = {}
        self._stray = False
        self._has_ended = False

    def __call__(self, frame: dict[str, Any]) -> bool:
        """Whether the process must be killed at this frame."""
        if frame.get("type") == "user":
            self._stray |= not _results_in(frame) <= set(self._answered)
            return bool(frame.get("isSynthetic")) or (self._stray and self._has_ended)
        if frame.get("type") != "stream_event":
            return False
        event = frame.get("event", {})
        match event.get("type"):
            case "content_block_start":
                block = event.get("content_block", {})
                if block.get("type") == "tool_use":
                    self._calls[event.get("index")] = []
                    self._stray |= block.get("name") not in self._names
            case "content_block_delta":
                delta = event.get("delta", {})
                self._visible |= bool(str(delta.get("text", "")).strip())
                if event.get("index") in self._calls:
                    self._calls[event.get("index")].append(str(delta.get("partial_json", "")))
            case "content_block_stop":
                self._stray |= object_from("".join(self._calls.get(event.get("index"), []))) is None
            case "message_delta":
                return self._is_end(event.get("delta", {}).get("stop_reason"))
            case "message_stop":
                # The answer broke off. It has carried out the calls that were whole, and would wait for their results.
                return bool(self._calls) and not self._has_ended
        return False

    def _is_end(self, reason: str | None) -> bool:
        self._has_ended |= reason is not None
        if reason in {"end_turn", "stop_sequence"}:
            # It would carry out calls in it all the same.
            return not self._visible or bool(self._calls)
        return reason is not None and (reason != "tool_use" or self._stray or not self._calls)


def tells_of_an_interrupt(frame: Mapping[str, Any]) -> bool:
    """Whether Claude Code may say with it that it was interrupted: the answer's end without a reason, or a turn."""
    is_end = frame.get("type") == "stream_event" and frame.get("event", {}).get("type") == "message_stop"
    return is_end or frame.get("type") == "user"


def _results_in(frame: Mapping[str, Any]) -> set[str]:
    """The ids of the calls for which a user's turn brings results."""
    content = frame.get("message", {}).get("content")
    blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    return {str(block.get("tool_use_id")) for block in blocks if block.get("type") == "tool_result"}


@dataclass(slots=True)
class Answer:
    """Reads one answer: `add` gives the events of each message, `end` the verdict when nothing more comes.

    `add` raises the typed error of a failure. `is_done` after `Finished`, or after a result that carries a failure.
    `calls` are the ids of the calls in it. `names` gives the client's name for a tool where it is another one.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    calls: tuple[str, ...] = ()
    now: Callable[[], float] = time.time
    is_done: bool = False
    started: bool = False
    limits: tuple[ModelLimits, ...] = ()
    _reason: str | None = None
    _stop_sequence: str | None = None
    _usage: dict[str, Any] = field(default_factory=dict)
    _signatures: dict[int, str] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)
    _bare: set[int] = field(default_factory=set)
    _complaint: AssistantMessage | None = None
    _resets_at: float | None = None

    @property
    def waits(self) -> bool:
        """Whether the process is at open calls: a whole answer without a result."""
        return self.is_done and self._reason == "tool_use"

    def add(self, message: Message, *, last: bool = False) -> list[Event]:
        """The events of one message. `last`: the process was killed at it, so no result will follow."""
        match message:
            case StreamEvent():
                return self._stream(message.event, last=last)
            case AssistantMessage():
                # The engine speaks for itself only when something failed; it may even go on without what was refused.
                if message.error is not None or message.model == SYNTHETIC:
                    self._complaint = message
            case RateLimitEvent():
                if message.rate_limit_info.status == "rejected":
                    self._resets_at = message.rate_limit_info.resets_at
            case ResultMessage():
                self.is_done = True
                return [self._finish(message)]
            case _:
                pass
        return []

    def end(self, *, cut_short: bool) -> DrawbridgeError:
        """What it means that the process said no more before the answer was whole."""
        if self._complaint is not None:
            return self._failure(None)
        return AnswerCut() if cut_short else WorkerDied()

    def _stream(self, event: dict[str, Any], *, last: bool) -> list[Event]:
        match event.get("type"):
            case "message_start":
                if self.started:
                    raise AnswerCut
                self.started = True
                message = event["message"]
                self._usage = dict(message.get("usage") or {})
                return [Started(model=str(message.get("model", "")), usage=_usage(self._usage))]
            case "content_block_start":
                return self._part_started(int(event["index"]), event["content_block"])
            case "content_block_delta":
                return self._part_delta(int(event["index"]), event["delta"])
            case "content_block_stop":
                index = int(event["index"])
                if index not in self._open:
                    return []
                self._open.discard(index)
                bare = [PartDelta(index, "{}")] if index in self._bare else []
                return [*bare, PartEnded(index, self._signatures.get(index))]
            case "message_delta":
                self._reason = event.get("delta", {}).get("stop_reason") or self._reason
                self._stop_sequence = event.get("delta", {}).get("stop_sequence") or self._stop_sequence
                self._usage |= {k: v for k, v in (event.get("usage") or {}).items() if v is not None}
                if self._reason == "tool_use" or (last and self._reason is not None):
                    # No result follows: the process was killed, or waits for the results of its calls.
                    if self._open:
                        raise AnswerCut
                    self.is_done = True
                    return [self._finished(_usage(self._usage), None)]
        return []

    def _part_started(self, index: int, block: dict[str, Any]) -> list[Event]:
        part: AnswerPart
        match block.get("type"):
            case "text":
                part, text = Text(""), str(block.get("text") or "")
            case "thinking":
                part, text = Thinking(""), str(block.get("thinking") or "")
            case "redacted_thinking":
                part, text = RedactedThinking(str(block["data"])), ""
            case "tool_use":
                name = str(block["name"])
                part, text = ToolCall(id=str(block["id"]), name=self.names.get(name, name)), ""
                self.calls = (*self.calls, part.id)
                self._bare.add(index)
            case kind:
                raise UnexpectedOutput(f"Claude sent a content block of the kind {kind!r}, which nobody asked for.")
        self._open.add(index)
        return [PartStarted(index, part), *([PartDelta(index, text)] if text else [])]

    def _part_delta(self, index: int, delta: dict[str, Any]) -> list[Event]:
        match delta.get("type"):
            case "text_delta":
                text = delta.get("text")
            case "thinking_delta":
                text = delta.get("thinking")
            case "input_json_delta":
                text = delta.get("partial_json")
                if text:
                    self._bare.discard(index)
            case "signature_delta":
                self._signatures[index] = self._signatures.get(index, "") + str(delta.get("signature", ""))
                return []
            case _:
                # Citations and what may come: nothing of the answer's text.
                return []
        return [PartDelta(index, str(text))] if text else []

    def _finish(self, result: ResultMessage) -> Finished:
        if result.is_error or self._complaint is not None:
            raise self._failure(result)
        if self._reason is None or not self.started or self._open:
            # The result may say success all the same: only a stop reason makes an answer whole.
            raise AnswerCut
        self.limits = _limits(result.model_usage or {})
        # The stream counts this answer; the result adds what only it says, the share of thinking.
        return self._finished(_usage({**(result.usage or {}), **self._usage}), result.total_cost_usd)

    def _finished(self, usage: Usage, cost_usd: float | None) -> Finished:
        assert self._reason is not None
        reason = REASONS.get(self._reason)
        if reason is None:
            raise UnexpectedOutput(f"Claude ended its answer for the reason {self._reason!r}, which is not known here.")
        return Finished(reason, self._stop_sequence, usage, cost_usd)

    def _failure(self, result: ResultMessage | None) -> DrawbridgeError:
        """The typed error. Once text has been passed on, whatever broke has cut the answer."""
        complaint = self._complaint
        text = ""
        if complaint is not None:
            text = "".join(block.text for block in complaint.content if isinstance(block, TextBlock))
        text = text or (result.result if result is not None and result.result else "")
        status = result.api_error_status if result is not None else None
        retry_after_s = max(1.0, self._resets_at - self.now()) if self._resets_at is not None else None
        kind = complaint.error if complaint is not None else None
        if self.started and status is None:
            logger.info("the answer broke off: %s", kind or "no reason given")
            return AnswerCut()
        return upstream_error(kind, status=status, text=text, retry_after_s=retry_after_s, resets_at=self._resets_at)


def _limits(usage: dict[str, Any]) -> tuple[ModelLimits, ...]:
    """What a result says of the models it used, where it says it."""
    return tuple(
        ModelLimits(model, int(row["contextWindow"]), int(row["maxOutputTokens"]))
        for model, row in usage.items()
        if row.get("contextWindow") and row.get("maxOutputTokens")
    )


def _usage(usage: dict[str, Any]) -> Usage:
    details = usage.get("output_tokens_details") or {}
    return Usage(
        input=int(usage.get("input_tokens") or 0),
        cache_creation=int(usage.get("cache_creation_input_tokens") or 0),
        cache_read=int(usage.get("cache_read_input_tokens") or 0),
        output=int(usage.get("output_tokens") or 0),
        thinking=int(details.get("thinking_tokens") or 0),
    )
