"""Collects an answer into a whole response."""

from server.conversation.events import Finished, PartDelta, PartEnded, PartStarted, Started
from server.dialects.common.answers.collecting import AnswerCollector
from server.dialects.responses.reply import ReplyOptions
from server.dialects.responses.response_object import outcome_of


class ResponsesCollector(AnswerCollector):
    """Collects the events of one answer."""

    def __init__(self, reply: ReplyOptions) -> None:
        super().__init__()
        self._reply = reply
        self._builder = reply.builder()

    def _take(self, event: Started | PartStarted | PartDelta | PartEnded | Finished) -> None:
        match event:
            case Started(model=model):
                self._builder.model = model
            case Finished(reason=reason):
                self._builder.end(reason)
            case PartDelta() | PartStarted() | PartEnded():
                self._builder.add(event)

    def _whole(self, finished: Finished) -> dict[str, object]:
        outcome = outcome_of(finished, self._builder.items, self._reply.created)
        self._reply.keep(outcome)
        return self._reply.response.value(outcome)
