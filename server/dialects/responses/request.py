"""Converts requests of OpenAI's Responses API into neutral requests."""

from collections.abc import Iterator, Sequence

from server.conversation.parts import Message
from server.conversation.request import ModelRequest, ModelSettings, Profile
from server.dialects.common.answers.answer_format import WantedAnswer, answer_from
from server.dialects.common.effort import effort_in, wants_summary
from server.dialects.common.history.message_types import WireMessage
from server.dialects.common.options import fields_without_effect, sampling_value
from server.dialects.common.sealed import Seal
from server.dialects.common.stops import stops_from
from server.dialects.common.tools.conversion import changes_in, openai_choice, resolved_choice
from server.dialects.common.wire_types import validated
from server.dialects.responses import request_types as wire
from server.dialects.responses.request_items import conversation_from
from server.dialects.responses.request_tools import RequestTools, tools_from
from server.dialects.responses.request_types import ResponsesRequest
from server.dialects.responses.stored_context import unknown_response
from server.errors import InvalidRequest


def parse_responses(body: object) -> ResponsesRequest:
    """Returns the parsed JSON `body` as a request. Raises `InvalidRequest` that names the first wrong field."""
    return validated(ResponsesRequest, body)


def request_from_responses(
    responses: ResponsesRequest,
    *,
    owner: str,
    forwards_sampling: bool = False,
    seal: Seal | None = None,
    tools: RequestTools | None = None,
    before: Sequence[Message] = (),
) -> ModelRequest:
    """Returns the neutral request of `owner`. Raises `InvalidRequest` for what Claude does not support.

    `seal` opens what we sealed; without one nothing is opened. `tools` are those of the request, if they are known;
    `before` is the conversation that it continues.
    """
    _refuse_stored_context(responses)
    found = tools or tools_from(responses)
    wanted_choice = found.chosen(openai_choice(responses.tool_choice))
    choice, offered = resolved_choice(wanted_choice, found.tools, parallel=responses.parallel_tool_calls)
    # All tools: the history may contain calls of tools that may not be called now.
    conversation = conversation_from(responses, found, seal, before)
    wanted = _answer(responses)
    choice, offered, answer = wanted.offered(choice, offered)
    effort, stops = effort_in(responses), stops_from(responses.stop)
    return ModelRequest(
        messages=conversation.messages,
        model=responses.model,
        profile=Profile(system=conversation.system, tools=offered, owner=owner),
        settings=ModelSettings(
            effort=effort.level,
            max_tokens=responses.max_output_tokens or responses.max_completion_tokens or responses.max_tokens,
            stop_sequences=stops.upstream,
            tool_choice=choice,
            schema=wanted.schema,
            thinks=effort.thinks,
            shows_thinking=effort.thinks and wants_summary(responses),
            temperature=sampling_value(responses.temperature) if forwards_sampling else None,
            top_p=sampling_value(responses.top_p) if forwards_sampling else None,
        ),
        ignored=(
            *_ignored(responses, forwards_sampling=forwards_sampling),
            *found.ignored,
            *effort.ignored,
            *(["stop"] if stops.has_more else []),
            *wanted.ignored,
            *conversation.ignored,
            *responses.repaired,
            *changes_in(offered),
        ),
        cut_at=stops.cut,
        answer=answer,
    )


def _answer(responses: ResponsesRequest) -> WantedAnswer:
    """Returns the format of the answer, also from the field of a chat request."""
    if responses.response_format is not None and (responses.text is None or responses.text.format is None):
        return answer_from(responses.response_format, "response_format", is_nested=True)
    return answer_from(responses.text.format if responses.text else None, "text.format", is_nested=False)


def _refuse_stored_context(responses: ResponsesRequest) -> None:
    """Refuses references to what only OpenAI stores, except to a response whose items are all in the input."""
    if responses.previous_response_id and not _has_history(responses):
        raise unknown_response(responses.previous_response_id)
    for name in ("conversation", "prompt"):
        if getattr(responses, name):
            raise InvalidRequest(
                f"{name}: Drawbridge stores no {name}s.", param=name, hint="Send the whole conversation as input."
            )


def _has_history(responses: ResponsesRequest) -> bool:
    """Whether the input contains the assistant's items, so that it is a whole conversation."""
    return any(
        isinstance(item, wire.FunctionCallItem | wire.CustomCallItem)
        or (isinstance(item, WireMessage) and item.role == "assistant")
        for item in responses.input
    )


def _ignored(responses: ResponsesRequest, *, forwards_sampling: bool) -> Iterator[str]:
    yield from fields_without_effect(responses, forwards_sampling=forwards_sampling)
    if responses.previous_response_id:
        yield "previous_response_id"
    if responses.text and responses.text.verbosity not in (None, "medium"):
        yield "text.verbosity"
