"""Collects an answer into a whole response."""

from typing import assert_never

from server.conversation.events import Event, Failed, Finished, PartDelta, PartEnded, PartStarted, Started
from server.dialects.responses.reply import ReplyOptions
from server.dialects.responses.response_object import outcome_of
from server.errors import AnswerCut


class ResponsesCollector:
    """Collects the events of one answer."""

    def __init__(self, reply: ReplyOptions) -> None:
        self._reply = reply
        self._builder = reply.builder()
        self._finished: Finished | None = None

    def add(self, event: Event) -> None:
        """Takes the next event. Raises the error of a `Failed`."""
        match event:
            case PartDelta() | PartStarted() | PartEnded():
                self._builder.add(event)
            case Started(model=model):
                self._builder.model = model
            case Finished(reason=reason):
                self._finished = event
                self._builder.end(reason)
            case Failed():
                raise event.error
            case _:
                assert_never(event)

    def body(self) -> dict[str, object]:
        """The response. Raises `AnswerCut` if no `Finished` was added: a part must not pass for a whole answer."""
        if self._finished is None:
            raise AnswerCut
        outcome = outcome_of(self._finished, self._builder.items, self._reply.created)
        self._reply.keep(outcome)
        return self._reply.response.value(outcome)
