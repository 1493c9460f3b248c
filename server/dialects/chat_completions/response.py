"""A whole chat completion: the fold of the pieces that a stream would have sent."""

from dataclasses import dataclass, field
from typing import assert_never

from server.conversation.events import Event, Failed, Finished, PartDelta, PartEnded, PartStarted, Started, StopReason
from server.dialects.chat_completions.deltas import Arguments, Call, DeltaBuilder, Piece, Thoughts, Words
from server.dialects.chat_completions.reply_options import ReplyOptions, finish_reason_of, usage_of
from server.errors import AnswerCut

_PLAIN = ReplyOptions()


class ChatFold:
    """Takes the events of one answer, or of several that come side by side, and gives the whole."""

    def __init__(self, *, id: str, created: int, model: str, form: ReplyOptions = _PLAIN) -> None:  # noqa: A002 # their word
        self._head: dict[str, object] = {"id": id, "object": "chat.completion", "created": created, "model": model}
        self._choices = tuple(_Choice(form) for _ in range(form.choices))
        self._finished: Finished | None = None

    def add(self, event: Event) -> None:
        """Takes the next event. Raises the error of a `Failed`."""
        match event:
            case Started():
                pass
            case PartStarted() | PartDelta() | PartEnded():
                self._choices[event.choice].add(event)
            case Finished():
                self._finished = event
            case Failed():
                raise event.error
            case _:
                assert_never(event)

    def completion(self) -> dict[str, object]:
        """The reply. Raises `AnswerCut` when no `Finished` was added: what came so far must not pass for an answer."""
        finished = self._finished
        if finished is None:
            raise AnswerCut
        choices = [
            choice.told(number, finished.reasons[number] if finished.reasons else finished.reason)
            for number, choice in enumerate(self._choices)
        ]
        return {**self._head, "choices": choices, "usage": usage_of(finished.usage)}


@dataclass(slots=True)
class _FoldedCall:
    id: str
    name: str
    arguments: list[str] = field(default_factory=list)

    @property
    def function(self) -> dict[str, object]:
        return {"name": self.name, "arguments": "".join(self.arguments)}


class _Choice:
    """One answer in the making."""

    def __init__(self, form: ReplyOptions) -> None:
        self._form = form
        self._pieces = DeltaBuilder(form)
        self._words: list[str] = []
        self._thoughts: list[str] = []
        self._calls: list[_FoldedCall] = []

    def add(self, event: PartStarted | PartDelta | PartEnded) -> None:
        for piece in self._pieces.add(event):
            self._fold(piece)

    def told(self, number: int, finish: StopReason) -> dict[str, object]:
        for piece in self._pieces.end():
            self._fold(piece)
        reason = finish_reason_of(finish, is_answered=self._pieces.is_answered, is_older=self._form.is_older)
        return {"index": number, "message": self._message(), "logprobs": None, "finish_reason": reason}

    def _fold(self, piece: Piece) -> None:
        match piece:
            case Words(text=text):
                self._words.append(text)
            case Thoughts(text=text):
                self._thoughts.append(text)
            case Call(id=id_, name=name):
                self._calls.append(_FoldedCall(id_, name))
            case Arguments(position=position, text=text):
                self._calls[position].arguments.append(text)
            case _:
                assert_never(piece)

    def _message(self) -> dict[str, object]:
        content = "".join(self._words)
        # Always a text where there are no calls: Talon strips it without a look.
        message: dict[str, object] = {
            "role": "assistant",
            "content": (content or None) if self._calls else content,
            "refusal": None,
        }
        if self._thoughts:
            message["reasoning_content"] = "".join(self._thoughts)
        if self._calls and self._form.is_older:
            message["function_call"] = self._calls[0].function
        elif self._calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": call.function} for call in self._calls
            ]
        return message
