"""What the stream and the whole reply of one response share."""

from collections.abc import Callable
from dataclasses import dataclass

from server.dialects.responses.compaction import CompactionBuilder
from server.dialects.responses.output import OutputBuilder, OutputOptions
from server.dialects.responses.response_object import Outcome, ResponseObject


@dataclass(frozen=True, slots=True)
class ReplyOptions:
    """How to reply to one request. `keep` stores the response when its answer is complete.

    `compacts`: the output is a compaction of the conversation.
    """

    response: ResponseObject
    output: OutputOptions
    created: float
    is_codex: bool = False
    compacts: bool = False
    keep: Callable[[Outcome], None] = lambda _: None

    def builder(self) -> OutputBuilder | CompactionBuilder:
        """A new builder of the output."""
        if self.compacts:
            return CompactionBuilder(self.output.token, self.output.seal)
        return OutputBuilder(self.output)
