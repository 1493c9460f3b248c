"""A chat request as a turn, and how its answer is to be told."""

from types import MappingProxyType

from server.conversation.request import ModelRequest, ModelSettings, Profile
from server.conversation.text import is_blank
from server.dialects.chat_completions.ignored_fields import idle_fields
from server.dialects.chat_completions.reply_options import ReasoningDisplay, ReplyOptions
from server.dialects.chat_completions.request_format import Form, form_from, with_form
from server.dialects.chat_completions.request_messages import conversation_from
from server.dialects.chat_completions.request_tools import choice_from, tools_from
from server.dialects.chat_completions.request_types import ChatRequest
from server.dialects.common.wire_types import read
from server.errors import InvalidRequest

_EFFORTS = MappingProxyType(
    {"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
)


def parse_chat(body: object) -> ChatRequest:
    """The parsed JSON `body` as a chat request. Raises `InvalidRequest` that names the field that is wrong."""
    return read(ChatRequest, body)


def request_from_chat(
    request: ChatRequest, *, owner: str, forwards_sampling: bool = False, thoughts: ReasoningDisplay = "field"
) -> ModelRequest:
    """The request as a turn; `owner` says whose it is.

    `forwards_sampling`: temperature and top_p go to Claude. `thoughts`: how those are shown. Raises `InvalidRequest`
    for what cannot be asked of Claude.
    """
    _refuse_what_claude_has_not(request)
    form = form_from(request.response_format)
    tools = tools_from(request)
    # All of them: a call of a tool that may not be called now stands in the history as it was made.
    texts = {tool.name for tool in tools if tool.takes_text}
    choice, tools = choice_from(request, tools)
    choice, tools = with_form(form, choice, tools)
    system, messages = conversation_from(request.messages, texts)
    stops = (request.stop,) if isinstance(request.stop, str) else tuple(request.stop or ())
    effort, thinks = _effort(request)
    return ModelRequest(
        messages=messages,
        model=request.model,
        profile=Profile(system=system, tools=tools, owner=owner),
        settings=ModelSettings(
            effort=effort,
            max_tokens=request.max_completion_tokens or request.max_tokens,
            # Claude's API refuses stop sequences of nothing but white space.
            stop_sequences=tuple(stop for stop in stops if not is_blank(stop)),
            tool_choice=choice,
            schema=form.schema,
            thinks=thinks,
            shows_thinking=thinks and _wants_thoughts(request, thoughts),
            temperature=request.temperature if forwards_sampling else None,
            top_p=request.top_p if forwards_sampling else None,
        ),
        ignored=(*idle_fields(request, forwards_sampling=forwards_sampling), *form.ignored),
        choices=request.n,
    )


def reply_options(request: ChatRequest, turn: ModelRequest, *, thoughts: ReasoningDisplay = "field") -> ReplyOptions:
    """How the answer to `turn`, made of `request`, is to be told."""
    form: Form = form_from(request.response_format)
    answer = form.tool if form.tool in turn.profile.tools else None
    is_json = form.schema is not None or answer is not None
    return ReplyOptions(
        raw_text_tools=frozenset(tool.name for tool in turn.profile.tools if tool.takes_text),
        is_legacy=bool(request.functions) and not request.tools,
        answer_tool=answer.name if answer else None,
        # Tags would make the JSON something else.
        reasoning="field" if thoughts == "tags" and is_json else thoughts,
        choices=turn.choices,
        include_usage=request.stream_options is not None and request.stream_options.include_usage,
    )


def _refuse_what_claude_has_not(request: ChatRequest) -> None:
    if any(modality != "text" for modality in request.modalities or ()):
        raise InvalidRequest("modalities can only be ['text']: Claude answers in words.", param="modalities")
    if request.system:
        # Not OpenAI's field, but Anthropic's: to ignore it as unknown would lose the system prompt.
        raise InvalidRequest(
            "system is no field of a chat request.",
            param="system",
            hint="Send it as a message with the role 'system'.",
        )


def _effort(request: ChatRequest) -> tuple[str | None, bool]:
    """The effort, and whether Claude shall think at all."""
    param, effort = "reasoning_effort", request.reasoning_effort
    if effort is None and request.reasoning is not None:
        param, effort = "reasoning.effort", request.reasoning.effort
        if request.reasoning.enabled is False:
            effort = "none"
    if effort is None:
        return None, True
    if effort not in _EFFORTS:
        raise InvalidRequest(f"{param} must be one of {', '.join(_EFFORTS)}.", param=param)
    return _EFFORTS[effort], effort != "none"


def _wants_thoughts(request: ChatRequest, thoughts: ReasoningDisplay) -> bool:
    """Whether Claude is asked to show its thoughts. It then begins its answer later, so nobody gets them unasked."""
    asks = request.reasoning is not None and request.reasoning.summary not in (None, "none")
    return thoughts == "tags" or (thoughts == "field" and asks)
