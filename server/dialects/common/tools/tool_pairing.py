"""Pairs tool calls with their results, in the order that Claude's API requires."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, groupby, takewhile

from server.conversation.parts import Message, Part, Text, ToolCall, ToolResult
from server.conversation.text import is_blank

NO_RESULT = "(No result was sent for this call.)"
LOST_RESULT = "(The result of a tool call that is not part of this conversation:)"


@dataclass(slots=True)
class _OpenCall:
    id: str
    is_answered: bool = False


class CallIds:
    """Gives an id to each call that has none, and finds the calls that results without a usable id answer."""

    def __init__(self) -> None:
        # By id, by name, and in order; calls whose id was made here also under the made id.
        self._open: dict[tuple[str, str], deque[_OpenCall]] = defaultdict(deque)
        self._is_over = False

    def end_turn(self) -> None:
        """Call this at a user message: later calls belong to another assistant message than the calls so far."""
        self._is_over = True

    def of_call(self, given: str | None, name: str, made: str, other: str | None = None) -> str:
        """Returns the id of a call of the tool `name`: the `given` one, else the `made` one.

        Pass a `made` one that is the same each time the client sends the conversation. `other` is another id by which
        a result may name the call.
        """
        if self._is_over:
            self._open.clear()
            self._is_over = False
        call = _OpenCall(given or made)
        keys = [("id", call.id), ("name", name), ("order", "")]
        if other and other != call.id:
            keys.append(("id", other))
        for key in keys if given else [*keys, ("made name", name), ("made", "")]:
            self._open[key].append(call)
        return call.id

    def of_result(self, given: str | None, name: str | None) -> str:
        """Returns the id of the call that a result answers: by its id, else by the tool's name, else the first one."""
        self.end_turn()
        if given:
            keys = [("id", given), ("made name", name or ""), ("made", "")]
        else:
            keys = [("name", name)] if name else [("order", "")]
        for key in keys:
            queue = self._open[key]
            while queue:
                call = queue.popleft()
                if not call.is_answered:
                    call.is_answered = True
                    return call.id
        return given or f"call_of_{name or 'unknown'}"


@dataclass(slots=True)
class _Stray:
    """A result without a call in the message before it; `number` is that of its own message."""

    number: int
    result: ToolResult
    is_moved: bool = False


def pair_results(messages: Iterable[Message], *, field: str) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """Returns the messages with each call's result in the next user message, and the names of what was changed.

    The results stand first, in the order of the calls. Calls with the same id in one message get their results in
    order. A result that comes too late is moved to its call; a message that held nothing else is left out. If one call
    has no result and one result right behind it has an id that no call has, they belong together. Any other call
    without a result gets an error, any other result without a call becomes text. `field` is the field of the messages.
    """
    pairing = _Pairing(list(messages))
    return pairing.paired(), tuple(f"{field} ({change})" for change in pairing.changes)


class _Pairing:
    def __init__(self, messages: list[Message]) -> None:
        self._messages = messages
        self._strays: list[list[_Stray]] = []
        self._strays_by_id: dict[str, deque[_Stray]] = defaultdict(deque)
        self._known = {call for message in messages for call in _calls(message)}
        self.changes: list[str] = []

    def paired(self) -> tuple[Message, ...]:
        calls_before = [[], *(_calls(message) for message in self._messages)]
        if calls_before[-1]:
            self._messages.append(Message("user", ()))
        else:
            calls_before.pop()
        answers = [self._answers(*step) for step in zip(range(len(self._messages)), calls_before, strict=True)]
        completed = [
            message if message.role == "assistant" else self._complete(number, message, calls, found)
            for number, (message, calls, found) in enumerate(zip(self._messages, calls_before, answers, strict=True))
        ]
        # A user message is empty if all its results were moved to an earlier one. Its neighbours then become one.
        by_role = groupby((message for message in completed if message.parts), key=lambda message: message.role)
        return tuple(Message(role, tuple(chain.from_iterable(m.parts for m in group))) for role, group in by_role)

    def _answers(self, number: int, calls: list[str]) -> list[ToolResult | None]:
        """Returns the results of `calls` in the message, and keeps its other results."""
        results: dict[str, deque[ToolResult]] = defaultdict(deque)
        for part in self._messages[number].parts:
            if isinstance(part, ToolResult):
                results[part.id].append(part)
        answers = [results[call].popleft() if results[call] else None for call in calls]
        rest = [result for queue in results.values() for result in queue]
        # A result behind other parts may answer anything.
        follows = takewhile(lambda part: isinstance(part, ToolResult), self._messages[number].parts)
        if len(rest) == 1 and answers.count(None) == 1 and rest[0].id not in self._known and rest[0] in follows:
            call = calls[answers.index(None)]
            self.changes.append(f"the result of {rest[0].id} was taken for {call}")
            answers[answers.index(None)] = replace(rest.pop(), id=call)
        self._strays.append([_Stray(number, result) for result in rest])
        for stray in self._strays[-1]:
            self._strays_by_id[stray.result.id].append(stray)
        return answers

    def _complete(self, number: int, message: Message, calls: list[str], found: list[ToolResult | None]) -> Message:
        results = [
            self._late(number, call) if result is None else result for call, result in zip(calls, found, strict=True)
        ]
        others = [part for part in message.parts if not isinstance(part, ToolResult)]
        return replace(message, parts=(*results, *self._lost(number), *others))

    def _late(self, number: int, call: str) -> ToolResult:
        """Returns the result of `call` that stands behind message `number`, else an error. Call it in order."""
        strays = self._strays_by_id[call]
        while strays:
            stray = strays.popleft()
            if stray.number > number:
                stray.is_moved = True
                self.changes.append(f"the result of {call} was moved to its call")
                return stray.result
        self.changes.append(f"no result for {call}")
        return ToolResult(call, (Text(NO_RESULT),), is_error=True)

    def _lost(self, number: int) -> Iterator[Part]:
        for stray in self._strays[number]:
            if not stray.is_moved:
                self.changes.append(f"a result without its call {stray.result.id}")
                yield Text(LOST_RESULT)
                yield from (
                    part for part in stray.result.parts if not isinstance(part, Text) or not is_blank(part.text)
                )


def _calls(message: Message) -> list[str]:
    return [part.id for part in message.parts if isinstance(part, ToolCall)]
