"""POST /v1/responses/compact: a conversation becomes a window with one compaction item."""

from dataclasses import dataclass, replace

from server.conversation.events import Finished, PartDelta, PartEnded, PartStarted, Started
from server.dialects.base import Encoder, Exchange, ParseOptions
from server.dialects.common.answers.collecting import AnswerCollector
from server.dialects.responses.compaction import CompactionBuilder
from server.dialects.responses.dialect import Responses
from server.dialects.responses.errors import RequestErrors, is_codex
from server.dialects.responses.reading import read_request
from server.dialects.responses.response_object import usage_of
from server.errors import InvalidRequest


class CompactEndpoint(Responses):
    """The endpoint, as a dialect of its own path. It has no stream."""

    paths = ("/v1/responses/compact",)

    def parse(self, body: object, owner: str, options: ParseOptions) -> Exchange:
        """Parses the JSON `body` of a request by `owner`. Raises `InvalidRequest`."""
        if not isinstance(body, dict):
            raise InvalidRequest("The request body must be a JSON object.")
        if not body.get("input") and not body.get("previous_response_id"):
            raise InvalidRequest("input is required: it is the conversation to compact.", param="input")
        read = read_request(body, owner, options, compacts=True)
        request = read.request
        if read.responses.stream:
            request = replace(request, ignored=(*request.ignored, "stream"))
        return Exchange(
            request, _CompactionReply(options), is_streamed=False, error=RequestErrors(is_codex(options.headers))
        )


@dataclass(frozen=True, slots=True)
class _CompactionReply:
    options: ParseOptions

    def encoder(self) -> Encoder:
        raise NotImplementedError

    def collector(self) -> "_CompactionCollector":
        return _CompactionCollector(self.options)


class _CompactionCollector(AnswerCollector):
    """Collects a summary into the compacted window."""

    def __init__(self, options: ParseOptions) -> None:
        super().__init__()
        self._id, self._created = f"resp_{options.token}", int(options.now)
        self._builder = CompactionBuilder(options.token, options.seal)

    def _take(self, event: Started | PartStarted | PartDelta | PartEnded | Finished) -> None:
        match event:
            case Finished(reason=reason):
                self._builder.end(reason)
            case PartDelta() | PartStarted() | PartEnded():
                self._builder.add(event)

    def _whole(self, finished: Finished) -> dict[str, object]:
        return {
            "id": self._id,
            "object": "response.compaction",
            "created_at": self._created,
            "output": [item.json() for item in self._builder.items],
            "usage": usage_of(finished.usage),
        }
