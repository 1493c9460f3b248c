"""Pairs tool calls with their results, in the order that Claude's API requires."""

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from server.conversation.parts import Message, Part, ToolCall, ToolResult
from server.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class PairingErrors:
    """A dialect's own error texts; clients look for them. `{ids}` is replaced by the ids of the calls."""

    call_without_result: str
    result_without_call: str


def pair_results(messages: Iterable[Message], errors: PairingErrors, *, field: str) -> tuple[Message, ...]:
    """Returns the messages with each user message's results first, in the order of the calls before it.

    Calls with the same id in one message get their results in order. Raises `InvalidRequest` that names `field` where
    a call has no result in the next message, or a result no call in the message before.
    """
    pairing = _Pairing(errors, field)
    paired: list[Message] = []
    open_calls: list[str] = []
    for message in messages:
        if message.role == "assistant":
            pairing.require_no_calls(open_calls)
            open_calls = [part.id for part in message.parts if isinstance(part, ToolCall)]
            paired.append(message)
        else:
            paired.append(pairing.in_order(message, open_calls))
            open_calls = []
    pairing.require_no_calls(open_calls)
    return tuple(paired)


@dataclass(frozen=True, slots=True)
class _Pairing:
    errors: PairingErrors
    field: str

    def in_order(self, message: Message, calls: list[str]) -> Message:
        results: dict[str, deque[ToolResult]] = defaultdict(deque)
        others: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                results[part.id].append(part)
            else:
                others.append(part)
        ordered, missing = [], []
        for call in calls:
            if results[call]:
                ordered.append(results[call].popleft())
            else:
                missing.append(call)
        self.require_no_calls(missing)
        self._require_none(
            [result.id for queue in results.values() for result in queue], self.errors.result_without_call
        )
        return replace(message, parts=(*ordered, *others))

    def require_no_calls(self, ids: list[str]) -> None:
        self._require_none(ids, self.errors.call_without_result)

    def _require_none(self, ids: list[str], error: str) -> None:
        if ids:
            raise InvalidRequest(error.replace("{ids}", ", ".join(ids)), param=self.field)
