"""Converts completions requests into neutral requests, one for each prompt."""

from collections.abc import Iterator
from dataclasses import replace

from server.conversation.parts import Text
from server.conversation.request import ModelRequest, ModelSettings, Profile
from server.conversation.text import is_blank
from server.dialects.common.effort import effort_in
from server.dialects.common.fill_in import FILL_IN, fill_in_prompt
from server.dialects.common.history.message_rules import Conversation, MessageListBuilder
from server.dialects.common.options import fields_without_effect, sampling_value, unknown_fields
from server.dialects.common.stops import stops_from
from server.dialects.common.wire_types import validated
from server.dialects.completions.request_types import CompletionsRequest
from server.errors import InvalidRequest

# Each of them waits for a process of its own.
MAX_ANSWERS = 64


def parse_completions(body: object) -> CompletionsRequest:
    """Returns the parsed JSON `body` as a request. Raises `InvalidRequest` that names the first wrong field."""
    return validated(CompletionsRequest, body)


def requests_from_completions(
    given: CompletionsRequest, body: object, *, owner: str, forwards_sampling: bool = False
) -> tuple[ModelRequest, ...]:
    """Returns the neutral request of `owner` for each prompt. Raises `InvalidRequest` for a prompt without text."""
    answers = len(given.prompt) * given.n
    if answers > MAX_ANSWERS:
        raise InvalidRequest(
            f"prompt and n ask for {answers} answers; at most {MAX_ANSWERS} are allowed.", param="prompt"
        )
    effort, stops = effort_in(given), stops_from(given.stop)
    conversations = [
        _conversation(given, prompt, f"prompt[{number}]" if len(given.prompt) > 1 else "prompt")
        for number, prompt in enumerate(given.prompt)
    ]
    request = ModelRequest(
        messages=(),
        model=given.model,
        settings=ModelSettings(
            effort=effort.level,
            max_tokens=given.max_tokens or given.max_completion_tokens,
            stop_sequences=stops.upstream,
            thinks=effort.thinks,
            temperature=sampling_value(given.temperature) if forwards_sampling else None,
            top_p=sampling_value(given.top_p) if forwards_sampling else None,
        ),
        ignored=(
            *_ignored(given, body, forwards_sampling=forwards_sampling),
            *effort.ignored,
            *(["stop"] if stops.has_more else []),
            *(place for conversation in conversations for place in conversation.ignored),
            *given.repaired,
        ),
        choices=given.n,
        cut_at=stops.cut,
    )
    return tuple(
        replace(request, messages=conversation.messages, profile=Profile(system=conversation.system, owner=owner))
        for conversation in conversations
    )


def _conversation(given: CompletionsRequest, prompt: str, place: str) -> Conversation:
    text = fill_in_prompt(prompt, given.suffix) if given.suffix else prompt
    if is_blank(text):
        raise InvalidRequest(f"{place} is empty or only white space.", param=place, hint="Add text to it.")
    builder = MessageListBuilder(place)
    builder.add_system(filter(None, (given.system, FILL_IN if given.suffix else "")), "system")
    builder.add_user([Text(text)], place)
    return builder.build()


def _ignored(given: CompletionsRequest, body: object, *, forwards_sampling: bool) -> Iterator[str]:
    yield from fields_without_effect(given, forwards_sampling=forwards_sampling)
    yield from unknown_fields(body, CompletionsRequest)
