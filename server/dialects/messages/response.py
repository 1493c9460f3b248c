"""Collects an answer into a whole message."""

from server.conversation.events import Finished, PartDelta, PartEnded, PartStarted, Started
from server.dialects.common.answers.collecting import AnswerCollector
from server.dialects.messages.blocks import BlockBuilder, BlockDelta, BlockStarted, whole_block
from server.dialects.messages.reply_options import ReplyOptions, end_usage_of, message_head, stop_reason_of


class MessagesCollector(AnswerCollector):
    """Collects the events of one answer."""

    def __init__(self, options: ReplyOptions) -> None:
        super().__init__()
        self._options = options
        self._builder = BlockBuilder(options)
        self._started: Started | None = None
        self._blocks: list[tuple[dict[str, object], list[BlockDelta]]] = []

    def _take(self, event: Started | PartStarted | PartDelta | PartEnded | Finished) -> None:
        if isinstance(event, Started):
            self._started = event
        for step in self._builder.add(event):
            match step:
                case BlockStarted(block=block):
                    self._blocks.append((block, []))
                case BlockDelta(number=number):
                    self._blocks[number][1].append(step)
                case Finished():
                    # An answer through the answer tool ended without a call for the client.
                    self._finished = step

    def _whole(self, finished: Finished) -> dict[str, object]:
        return {
            **message_head(self._options, self._started),
            "content": [whole_block(block, deltas) for block, deltas in self._blocks],
            "stop_reason": stop_reason_of(finished.reason),
            "stop_sequence": finished.stop_sequence,
            "usage": end_usage_of(finished.usage),
        }
