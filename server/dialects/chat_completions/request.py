"""Converts Chat Completions requests into neutral requests and options of the reply."""

from collections.abc import Iterator

from server.conversation.request import ModelRequest, ModelSettings, Profile
from server.dialects.chat_completions.reply_options import ReasoningDisplay, ReplyOptions
from server.dialects.chat_completions.request_format import ANSWER, schema_from, with_answer_tool
from server.dialects.chat_completions.request_messages import conversation_from
from server.dialects.chat_completions.request_tools import choice_from, tools_from
from server.dialects.chat_completions.request_types import ChatRequest
from server.dialects.common.options import fields_without_effect, openai_effort, usable_stop_sequences
from server.dialects.common.tools import raw_text_names
from server.dialects.common.wire_types import validated
from server.errors import InvalidRequest


def parse_chat(body: object) -> ChatRequest:
    """Returns the parsed JSON `body` as a request. Raises `InvalidRequest` that names the first wrong field."""
    return validated(ChatRequest, body)


def request_from_chat(
    chat: ChatRequest, *, owner: str, forwards_sampling: bool = False, thoughts: ReasoningDisplay = "field"
) -> ModelRequest:
    """Returns the neutral request of `owner`. Raises `InvalidRequest` for what Claude does not support."""
    _refuse_unsupported(chat)
    schema = schema_from(chat.response_format)
    tools = tools_from(chat)
    # Before the choice removes tools: the history may contain calls of tools that may not be called now.
    raw_text_tools = raw_text_names(tools)
    choice, tools = choice_from(chat, tools)
    choice, tools = with_answer_tool(chat.response_format, choice, tools)
    system, messages = conversation_from(chat.messages, raw_text_tools)
    effort, thinks = _effort(chat)
    return ModelRequest(
        messages=messages,
        model=chat.model,
        profile=Profile(system=system, tools=tools, owner=owner),
        settings=ModelSettings(
            effort=effort,
            max_tokens=chat.max_completion_tokens or chat.max_tokens,
            stop_sequences=usable_stop_sequences(_stops(chat)),
            tool_choice=choice,
            schema=schema.text,
            thinks=thinks,
            shows_thinking=thinks and _shows_thinking(chat, thoughts),
            temperature=chat.temperature if forwards_sampling else None,
            top_p=chat.top_p if forwards_sampling else None,
        ),
        ignored=(*_ignored(chat, forwards_sampling=forwards_sampling), *schema.ignored),
        choices=chat.n,
    )


def reply_options(chat: ChatRequest, request: ModelRequest, *, thoughts: ReasoningDisplay = "field") -> ReplyOptions:
    """Returns how to reply to `request`, which was made of `chat`."""
    tools = request.profile.tools
    answer_tool = ANSWER.name if ANSWER in tools else None
    is_json = request.settings.schema is not None or answer_tool is not None
    return ReplyOptions(
        raw_text_tools=raw_text_names(tools),
        is_legacy=bool(chat.functions) and not chat.tools,
        answer_tool=answer_tool,
        # Tags would make the JSON invalid.
        reasoning="field" if thoughts == "tags" and is_json else thoughts,
        choices=request.choices,
        include_usage=chat.stream_options is not None and chat.stream_options.include_usage,
    )


def _refuse_unsupported(chat: ChatRequest) -> None:
    if any(modality != "text" for modality in chat.modalities or ()):
        raise InvalidRequest("modalities must be ['text']: Claude answers in text only.", param="modalities")
    if chat.system:
        # Anthropic's field: if it were ignored as unknown, the system prompt would be lost silently.
        raise InvalidRequest(
            "system is not a field of a Chat Completions request.",
            param="system",
            hint="Send it as a message with the role 'system'.",
        )


def _effort(chat: ChatRequest) -> tuple[str | None, bool]:
    """Returns Claude's effort, and whether Claude may think."""
    if chat.reasoning_effort is not None or chat.reasoning is None:
        return openai_effort(chat.reasoning_effort, "reasoning_effort")
    effort = "none" if chat.reasoning.enabled is False else chat.reasoning.effort
    return openai_effort(effort, "reasoning.effort")


def _shows_thinking(chat: ChatRequest, thoughts: ReasoningDisplay) -> bool:
    """Whether Claude sends its thinking. Its answer then starts later, so only clients that use it get it."""
    wants_summary = chat.reasoning is not None and chat.reasoning.summary not in (None, "none")
    return thoughts == "tags" or (thoughts == "field" and wants_summary)


def _stops(chat: ChatRequest) -> list[str]:
    return [chat.stop] if isinstance(chat.stop, str) else chat.stop or []


def _ignored(chat: ChatRequest, *, forwards_sampling: bool) -> Iterator[str]:
    yield from fields_without_effect(chat, forwards_sampling=forwards_sampling)
    stops = _stops(chat)
    if len(usable_stop_sequences(stops)) < len(stops):
        yield "stop"
    if any(message.name for message in chat.messages if message.role not in {"tool", "function"}):
        yield "messages[].name"
    if any(tool.strict or (tool.function and tool.function.strict) for tool in chat.tools or ()):
        yield "tools[].function.strict"
