"""Reads a request of the Responses API with everything that it refers to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from server.conversation.request import ModelRequest
from server.dialects.base import ParseOptions
from server.dialects.common.options import unknown_fields
from server.dialects.detect import TYPES, fields_of_other_formats
from server.dialects.responses.compaction import as_summary_request, with_prompt
from server.dialects.responses.request import parse_responses, request_from_responses
from server.dialects.responses.request_tools import RequestTools, tools_from
from server.dialects.responses.request_types import ResponsesRequest
from server.dialects.responses.stored_context import FullRequest, with_stored_context

# Fields that no request type has, and that ask for nothing beyond what the reply has anyway.
_GRANTED = frozenset({"include", "client_metadata", "store"})


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A request: with the items that it refers to, as parsed, and as Claude gets it."""

    full: FullRequest
    responses: ResponsesRequest
    tools: RequestTools
    request: ModelRequest
    compacts: bool


def read_request(body: Mapping[str, object], owner: str, options: ParseOptions, *, compacts: bool) -> ReadRequest:
    """Reads the request `body`. Raises `InvalidRequest`. `compacts`: it asks for a summary of its conversation."""
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
            before=options.before,
        )
    request = as_summary_request(request) if compacts else request
    return ReadRequest(full, responses, tools, _shown(request, body, full, options), compacts)


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
