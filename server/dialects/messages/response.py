"""Collects an answer into a whole message."""

from server.conversation.events import Event, Failed, Finished, Started
from server.dialects.messages.blocks import BlockBuilder, BlockDelta, BlockStarted, whole_block
from server.dialects.messages.reply_options import ReplyOptions, end_usage_of, message_head, stop_reason_of
from server.errors import AnswerCut


class MessagesCollector:
    """Collects the events of one answer."""

    def __init__(self, options: ReplyOptions) -> None:
        self._options = options
        self._builder = BlockBuilder(options)
        self._started: Started | None = None
        self._blocks: list[tuple[dict[str, object], list[BlockDelta]]] = []
        self._finished: Finished | None = None

    def add(self, event: Event) -> None:
        """Takes the next event. Raises the error of a `Failed`."""
        if isinstance(event, Failed):
            raise event.error
        if isinstance(event, Started):
            self._started = event
        for step in self._builder.add(event):
            match step:
                case BlockStarted(block=block):
                    self._blocks.append((block, []))
                case BlockDelta(number=number):
                    self._blocks[number][1].append(step)
                case Finished():
                    self._finished = step

    def body(self) -> dict[str, object]:
        """The message. Raises `AnswerCut` if no `Finished` was added: a part must not pass for a whole answer."""
        finished = self._finished
        if finished is None:
            raise AnswerCut
        return {
            **message_head(self._options, self._started),
            "content": [whole_block(block, deltas) for block, deltas in self._blocks],
            "stop_reason": stop_reason_of(finished.reason),
            "stop_sequence": finished.stop_sequence,
            "usage": end_usage_of(finished.usage),
        }
