"""The dialect of OpenAI's Responses API."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from server.conversation.request import ModelRequest
from server.dialects.base import ErrorReply, Exchange, ParseOptions
from server.dialects.common.options import unknown_fields
from server.dialects.common.response_store import StoredResponse
from server.dialects.detect import TYPES, fields_of_other_formats
from server.dialects.framing import SSE_TYPE
from server.dialects.responses.collector import ResponsesCollector
from server.dialects.responses.compaction import as_summary_request, ends_with_trigger, with_prompt
from server.dialects.responses.errors import is_codex, responses_error
from server.dialects.responses.output import OutputOptions
from server.dialects.responses.reply import ReplyOptions
from server.dialects.responses.request import parse_responses, request_from_responses
from server.dialects.responses.request_tools import tools_from
from server.dialects.responses.response_object import Outcome, ResponseObject, response_head, stores
from server.dialects.responses.stored_context import FullRequest, with_stored_context
from server.dialects.responses.stream import ResponsesEncoder
from server.errors import DrawbridgeError, InvalidRequest

# Fields that no request type has, and that ask for nothing beyond what the reply has anyway.
_GRANTED = frozenset({"include", "client_metadata", "store"})


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
        compacts = ends_with_trigger(body)
        full = with_stored_context(with_prompt(body) if compacts else body, owner, options.store)
        with full.naming_own_places():
            responses = parse_responses(full.body)
            tools = tools_from(responses)
            request = request_from_responses(
                responses,
                owner=owner,
                forwards_sampling=options.config.forward_sampling,
                seal=options.seal,
                tools=tools,
            )
        request = as_summary_request(request) if compacts else request
        request = _shown(request, body, full, options)
        model = request.model or options.config.model
        created = int(options.now)
        previous = body["previous_response_id"] if full.before else None
        response = ResponseObject(
            response_head(
                {**body, "previous_response_id": previous},
                responses,
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
                tools=tools.origins,
                answer=request.answer,
                shows_reasoning=_wants_reasoning(body) and options.config.reasoning != "hidden",
            ),
            created=created,
            is_codex=is_codex(options.headers),
            compacts=compacts,
            keep=_Keeper(response, full, owner, options) if stores(body) and not compacts else lambda _: None,
        )
        return Exchange(request, ResponsesReply(reply), responses.stream, error=_Errors(reply.is_codex))

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


def _shown(request: ModelRequest, body: Mapping[str, object], full: FullRequest, options: ParseOptions) -> ModelRequest:
    """The request with the thinking that the settings allow to show, and with all that was left out."""
    shows_thinking = request.settings.shows_thinking and options.config.reasoning != "hidden"
    ignored = (
        *fields_of_other_formats(body, "responses"),
        *full.own_places(request.ignored),
        *unknown_fields(body, *TYPES.values()),
        *_ignored_includes(body.get("include")),
    )
    return replace(
        request,
        settings=replace(request.settings, shows_thinking=shows_thinking),
        ignored=tuple(name for name in dict.fromkeys(ignored) if name not in _GRANTED),
    )


def _ignored_includes(include: object) -> list[str]:
    """What the reply cannot include. Reasoning is always included as the client keeps it."""
    wanted = include if isinstance(include, list) else [include]
    names = (name for name in wanted if isinstance(name, str) and name != "reasoning.encrypted_content")
    return [f"include ({name[:60]})" for name in names][:10]


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
        self.options.store.put(self.owner, stored)


@dataclass(frozen=True, slots=True)
class _Errors:
    """The responses for errors before the answer begins."""

    is_codex: bool

    def __call__(self, error: DrawbridgeError) -> ErrorReply:
        return responses_error(error, is_codex=self.is_codex)
