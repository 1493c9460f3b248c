"""The dialect of OpenAI's Responses API."""

from collections.abc import Mapping
from dataclasses import dataclass

from server.dialects.base import ErrorReply, Exchange, ParseOptions
from server.dialects.common.response_store import StoredResponse
from server.dialects.framing import SSE_TYPE
from server.dialects.responses.collector import ResponsesCollector
from server.dialects.responses.compaction import ends_with_trigger
from server.dialects.responses.errors import RequestErrors, is_codex, responses_error
from server.dialects.responses.output import OutputOptions
from server.dialects.responses.reading import read_request
from server.dialects.responses.reply import ReplyOptions
from server.dialects.responses.response_object import Outcome, ResponseObject, response_head, stores
from server.dialects.responses.stored_context import FullRequest
from server.dialects.responses.stream import ResponsesEncoder
from server.errors import DrawbridgeError, InvalidRequest


@dataclass(frozen=True, slots=True)
class ResponsesReply:
    """Replies to one request."""

    options: ReplyOptions

    def encoder(self) -> ResponsesEncoder:
        """A new encoder, for a streamed answer."""
        return ResponsesEncoder(self.options)

    def collector(self) -> ResponsesCollector:
        """A new collector, for a whole answer."""
        return ResponsesCollector(self.options)


class Responses:
    """OpenAI's Responses API."""

    name = "responses"
    paths = ("/v1/responses",)
    prefixes = ("/v1/responses",)
    content_type = SSE_TYPE

    def parse(self, body: object, owner: str, options: ParseOptions) -> Exchange:
        """Parses the JSON `body` of a request by `owner`. Raises `InvalidRequest`."""
        if not isinstance(body, dict):
            raise InvalidRequest("The request body must be a JSON object.")
        _refuse_background(body)
        read = read_request(body, owner, options, compacts=ends_with_trigger(body))
        full, request = read.full, read.request
        model = request.model or options.config.model
        created = int(options.now)
        previous = body["previous_response_id"] if full.before else None
        response = ResponseObject(
            response_head(
                {**body, "previous_response_id": previous},
                read.responses,
                id=f"resp_{options.token}",
                created=created,
                model=model,
            )
        )
        reply = ReplyOptions(
            response,
            OutputOptions(
                token=options.token,
                seal=options.seal,
                tools=read.tools.origins,
                answer=request.answer,
                shows_reasoning=_wants_reasoning(body) and options.config.reasoning != "hidden",
            ),
            created=created,
            is_codex=is_codex(options.headers),
            compacts=read.compacts,
            keep=_Keeper(response, full, owner, options) if stores(body) and not read.compacts else lambda _: None,
        )
        return Exchange(request, ResponsesReply(reply), read.responses.stream, error=RequestErrors(reply.is_codex))

    def error(self, error: DrawbridgeError, request_id: str) -> ErrorReply:  # noqa: ARG002 # only in the header
        """The response for `error`."""
        return responses_error(error)


def _refuse_background(body: Mapping[str, object]) -> None:
    if body.get("background") not in (None, False, 0, "", "false"):
        raise InvalidRequest(
            "background: Drawbridge answers while the request is open, not in the background.",
            param="background",
            hint="Leave it out, and stream the answer if it takes long.",
        )


def _wants_reasoning(body: Mapping[str, object]) -> bool:
    """Whether the client knows of reasoning. Simple ones read only the first item and expect the message there."""
    include = body.get("include")
    return bool(body.get("reasoning")) or (isinstance(include, list) and "reasoning.encrypted_content" in include)


@dataclass(frozen=True, slots=True)
class _Keeper:
    """Stores a response with everything that a later request may refer to."""

    response: ResponseObject
    full: FullRequest
    owner: str
    options: ParseOptions

    def __call__(self, outcome: Outcome) -> None:
        body = self.response.value(outcome)
        input_ = (*self.full.before, *self.full.own_items(self.options.token))
        stored = StoredResponse(str(body["id"]), body, input_, outcome.output)
        self.options.store.put(self.owner, stored, is_asked_for=self.full.body.get("store") is True)
