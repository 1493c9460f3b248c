"""What the collectors of all dialects share: an answer is whole once it has finished, and a failure is raised."""

from abc import ABC, abstractmethod

from server.conversation.events import Event, Failed, Finished, PartDelta, PartEnded, PartStarted, Started
from server.errors import AnswerCut


class AnswerCollector(ABC):
    """Collects the events of one answer into a response body, in the form of the subclass."""

    def __init__(self) -> None:
        self._finished: Finished | None = None

    def add(self, event: Event) -> None:
        """Takes the next event. Raises the error of a `Failed`."""
        if isinstance(event, Failed):
            raise event.error
        if isinstance(event, Finished):
            self._finished = event
        self._take(event)

    def body(self) -> dict[str, object]:
        """The response body. Raises `AnswerCut` if no `Finished` was added: a part must not pass for a whole answer."""
        if self._finished is None:
            raise AnswerCut
        return self._whole(self._finished)

    @abstractmethod
    def _take(self, event: Started | PartStarted | PartDelta | PartEnded | Finished) -> None:
        """Takes the next event of an answer that has not failed."""

    @abstractmethod
    def _whole(self, finished: Finished) -> dict[str, object]:
        """The response body of the answer that ended with `finished`."""
