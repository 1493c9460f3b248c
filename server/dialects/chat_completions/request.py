"""Converts Chat Completions requests into neutral requests and options of the reply."""

from collections.abc import Iterator, Sequence

from server.conversation.parts import Message
from server.conversation.request import ModelRequest, ModelSettings, Profile
from server.dialects.chat_completions.reply_options import ReasoningDisplay, ReplyOptions
from server.dialects.chat_completions.request_messages import conversation_from
from server.dialects.chat_completions.request_tools import choice_from, tools_from
from server.dialects.chat_completions.request_types import ChatRequest
from server.dialects.common.answers.answer_format import OutputConfig, answer_from
from server.dialects.common.effort import effort_in, wants_summary, wants_thinking
from server.dialects.common.options import fields_without_effect, sampling_value
from server.dialects.common.stops import stops_from
from server.dialects.common.tools.conversion import changes_in, raw_text_names
from server.dialects.common.tools.nested_tools import ignored_in
from server.dialects.common.wire_types import validated
from server.errors import InvalidRequest


def parse_chat(body: object) -> ChatRequest:
    """Returns the parsed JSON `body` as a request. Raises `InvalidRequest` that names the first wrong field."""
    return validated(ChatRequest, body)


def request_from_chat(
    chat: ChatRequest,
    *,
    owner: str,
    forwards_sampling: bool = False,
    thoughts: ReasoningDisplay = "field",
    before: Sequence[Message] = (),
) -> ModelRequest:
    """Returns the neutral request of `owner`, which continues `before`.

    Raises `InvalidRequest` for what Claude does not support.
    """
    _refuse_unsupported(chat)
    output = chat.output_config or OutputConfig()
    wanted = (
        answer_from(output.format, "output_config.format", is_nested=False)
        if chat.response_format is None
        else answer_from(chat.response_format, "response_format", is_nested=True)
    )
    tools = tools_from(chat)
    # Before the choice removes tools: the history may contain calls of tools that may not be called now.
    raw_text_tools = raw_text_names(tools)
    choice, tools = choice_from(chat, tools)
    choice, tools, answer = wanted.offered(choice, tools)
    conversation = conversation_from(chat, raw_text_tools, before)
    effort = effort_in(chat, ("output_config.effort", output.effort))
    stops = stops_from((*_texts(chat.stop), *_texts(chat.stop_sequences)))
    return ModelRequest(
        messages=conversation.messages,
        model=chat.model,
        profile=Profile(system=conversation.system, tools=tools, owner=owner),
        settings=ModelSettings(
            effort=effort.level,
            max_tokens=chat.max_completion_tokens or chat.max_tokens or chat.max_output_tokens,
            stop_sequences=stops.upstream,
            tool_choice=choice,
            schema=wanted.schema,
            thinks=effort.thinks,
            shows_thinking=effort.thinks and _shows_thinking(chat, thoughts),
            temperature=sampling_value(chat.temperature) if forwards_sampling else None,
            top_p=sampling_value(chat.top_p) if forwards_sampling else None,
        ),
        ignored=(
            *_ignored(chat, forwards_sampling=forwards_sampling),
            *effort.ignored,
            *(["stop"] if stops.has_more else []),
            *wanted.ignored,
            *conversation.ignored,
            *chat.repaired,
            *changes_in(tools),
        ),
        choices=chat.n,
        cut_at=stops.cut,
        answer=answer,
    )


def reply_options(chat: ChatRequest, request: ModelRequest, *, thoughts: ReasoningDisplay = "field") -> ReplyOptions:
    """Returns how to reply to `request`, which was made of `chat`."""
    tools = request.profile.tools
    return ReplyOptions(
        raw_text_tools=raw_text_names(tools),
        is_legacy=bool(chat.functions) and not chat.tools,
        answer=request.answer,
        # Tags would make the JSON invalid.
        reasoning="field" if thoughts == "tags" and request.answer else thoughts,
        choices=request.choices,
        include_usage=chat.stream_options is not None and chat.stream_options.include_usage,
    )


def _texts(stop: str | list[str] | None) -> list[str]:
    return [stop] if isinstance(stop, str) else stop or []


def _refuse_unsupported(chat: ChatRequest) -> None:
    if any(modality.strip().lower() != "text" for modality in chat.modalities or ()):
        raise InvalidRequest("modalities must be ['text']: Claude answers in text only.", param="modalities")


def _shows_thinking(chat: ChatRequest, thoughts: ReasoningDisplay) -> bool:
    """Whether Claude sends its thinking. Its answer then starts later, so only clients that use it get it."""
    return thoughts == "tags" or (thoughts == "field" and (wants_summary(chat) or wants_thinking(chat)))


def _ignored(chat: ChatRequest, *, forwards_sampling: bool) -> Iterator[str]:
    yield from fields_without_effect(chat, forwards_sampling=forwards_sampling)
    yield from ignored_in(chat.tools or ())
    if chat.response_format is not None and chat.output_config is not None and chat.output_config.format is not None:
        yield "output_config.format"
