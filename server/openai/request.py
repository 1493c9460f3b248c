"""OpenAI's chat requests as `Turn`s: every word as it was written, and nothing left out without a word."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import assert_never

from server.dialogue import Message, Profile, Role, Settings, Text, Turn
from server.errors import InvalidRequest
from server.openai.shapes import ChatMessage, ChatRequest, ContentPart, OtherPart, RefusalPart, TextPart
from server.shapes import read

# Claude's API wants the user to speak first.
FIRST_TURN = "(The conversation starts with the assistant's message.)"

_EFFORTS = MappingProxyType(
    {"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
)

# Fields that are accepted and change nothing, each with the values that ask for nothing anyway: only another value is
# named in `Turn.ignored`. Not here, because without them no answer would differ: user, metadata, safety_identifier,
# prompt_cache_key, parallel_tool_calls without tools. Sampling stays with Claude: its API refuses temperature and
# top_p while the model thinks, and current models always may.
_WITHOUT_EFFECT: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {
        "temperature": (1,),
        "top_p": (1,),
        "presence_penalty": (0,),
        "frequency_penalty": (0,),
        "seed": (),
        "logit_bias": ({},),
        "logprobs": (False,),
        "top_logprobs": (0,),
        "store": (False,),
        "service_tier": ("auto", "default"),
        "verbosity": ("medium",),
        "prediction": (),
        "web_search_options": (),
    }
)

_KNOWN_PARTS = frozenset(
    {"image_url", "input_image", "image", "input_audio", "file", "input_file", "document", "tool_use", "tool_result"}
)

# Blank to Python or to JavaScript: Claude's API judges by the one, Claude Code by the other.
_BLANK = re.compile(r"[\s\ufeff]*")
# Claude Code takes these words of the assistant's for an empty turn and drops them.
_NO_CONTENT = "(no content)"


def parse_chat(body: object) -> ChatRequest:
    """The parsed JSON `body` as a chat request. Raises `InvalidRequest` that names the field that is wrong."""
    return read(ChatRequest, body)


def turn_from_chat(request: ChatRequest, *, owner: str) -> Turn:
    """The request as a turn; `owner` says whose it is.

    Raises `InvalidRequest` for what cannot be asked of Claude, or not yet: tools, images, other forms of the answer.
    """
    _refuse_what_is_not_built(request)
    system, messages = _conversation(request.messages)
    stops = (request.stop,) if isinstance(request.stop, str) else tuple(request.stop or ())
    return Turn(
        messages=messages,
        model=request.model,
        profile=Profile(system=system, owner=owner),
        settings=Settings(
            effort=_effort(request.reasoning_effort),
            max_tokens=request.max_completion_tokens or request.max_tokens,
            # Claude's API refuses stop sequences of nothing but white space.
            stop_sequences=tuple(stop for stop in stops if not _is_blank(stop)),
        ),
        ignored=tuple(_ignored(request, stops)),
    )


def _refuse_what_is_not_built(request: ChatRequest) -> None:
    if request.tools:
        raise _not_yet("tools", "call tools")
    if request.functions:
        raise _not_yet("functions", "call functions")
    for param, choice in (("tool_choice", request.tool_choice), ("function_call", request.function_call)):
        if choice not in (None, "none", "auto"):
            raise InvalidRequest(f"{param} asks for a call, and the request offers nothing to call.", param=param)
    if request.response_format and request.response_format.type != "text":
        raise _not_yet("response_format", "give answers in another form than text")
    if any(modality != "text" for modality in request.modalities or ()):
        raise InvalidRequest("modalities can only be ['text']: Claude answers in words.", param="modalities")
    if request.system:
        # Not OpenAI's field, but Anthropic's: to ignore it as unknown would lose the system prompt.
        raise _not_yet("system", "take it from there", hint="Send it as a message with the role 'system'.")
    if request.n > 1:
        raise _not_yet("n", "give more than one answer to a request", hint="Send n = 1, as often as you need.")


def _not_yet(param: str, ability: str, *, hint: str = "Leave it out for now.") -> InvalidRequest:
    return InvalidRequest(f"{param}: this version of Drawbridge cannot {ability} yet.", param=param, hint=hint)


def _conversation(messages: Sequence[ChatMessage]) -> tuple[str, tuple[Message, ...]]:
    """The system prompt, and the turns in which user and assistant alternate.

    1. system and developer messages, wherever they stand, are joined by a newline, as at Anthropic's own endpoint;
    2. a blank message of the user's is refused: Claude Code would answer it by itself;
    3. a blank one of the assistant's is left out: Claude's API refuses it;
    4. messages of one role in a row are one turn;
    5. an assistant who speaks first gets a neutral turn before it.
    """
    system: list[str] = []
    turns: list[tuple[Role, list[Text]]] = []
    last = 0
    for number, message in enumerate(messages):
        place = f"messages[{number}]"
        texts = _texts(message, place)
        match message.role:
            case "system" | "developer":
                system += filter(None, texts)
                continue
            case "user":
                if all(map(_is_blank, texts)):
                    raise _blank(place)
                _say(turns, "user", _without_blank_parts(texts, _is_blank))
            case "assistant":
                if all(map(_is_dropped, texts)):
                    continue
                _say(turns, "assistant", _without_blank_parts(texts, _is_dropped))
            case "tool" | "function":
                raise _not_yet(f"{place}.role", "take the results of tools")
            case _:
                assert_never(message.role)
        last = number
    if turns and turns[0][0] == "assistant":
        turns.insert(0, ("user", [Text(FIRST_TURN)]))
    _refuse_without_question(turns, last=last, is_empty=not messages)
    prompt = "\n".join(system)
    # Claude's API refuses a blank system prompt too; to leave it out changes nothing.
    return "" if _is_blank(prompt) else prompt, tuple(Message(role, tuple(parts)) for role, parts in turns)


def _say(turns: list[tuple[Role, list[Text]]], role: Role, texts: Sequence[str]) -> None:
    if not turns or turns[-1][0] != role:
        turns.append((role, []))
    turns[-1][1].extend(map(Text, texts))


def _refuse_without_question(turns: Sequence[tuple[Role, list[Text]]], *, last: int, is_empty: bool) -> None:
    if not turns:
        what = "is empty" if is_empty else "holds no message of the user's"
        raise InvalidRequest(f"messages {what}.", param="messages", hint="Send at least one with the role 'user'.")
    if turns[-1][0] == "assistant":
        raise InvalidRequest(
            f"The conversation ends with the assistant's message, messages[{last}], and Claude answers the user's.",
            param=f"messages[{last}]",
            hint="Add a message with the role 'user' after it.",
        )


def _blank(place: str) -> InvalidRequest:
    return InvalidRequest(
        f"{place}.content is empty or nothing but white space.",
        param=f"{place}.content",
        hint="Write something in it, or leave the message out.",
    )


def _texts(message: ChatMessage, place: str) -> list[str]:
    """All words of the message, part by part. Raises `InvalidRequest` for what is more than words."""
    for name, value in (
        ("tool_calls", message.tool_calls),
        ("function_call", message.function_call),
        ("audio", message.audio),
    ):
        if value:
            raise _not_yet(f"{place}.{name}", "take anything but words in a conversation")
    refusal = [] if message.refusal is None else [message.refusal]
    if message.content is None:
        return refusal
    if isinstance(message.content, str):
        return [message.content, *refusal]
    return [_text(part, f"{place}.content[{number}]") for number, part in enumerate(message.content)] + refusal


def _text(part: ContentPart, place: str) -> str:
    match part:
        case TextPart():
            return part.text
        case RefusalPart():
            return part.refusal
        case OtherPart():
            if part.type in _KNOWN_PARTS:
                raise _not_yet(place, "take anything but text in a message")
            raise InvalidRequest(
                f"{place}.type is not one that Drawbridge knows.",
                param=f"{place}.type",
                hint="Send parts of type 'text'.",
            )
        case _:
            assert_never(part)


def _without_blank_parts(texts: Sequence[str], is_blank: Callable[[str], bool]) -> list[str]:
    """The same characters with no blank part among them: Claude's API refuses those. One text at least is not blank."""
    whole: list[str] = []
    waiting = ""
    for text in texts:
        if not is_blank(text):
            whole.append(waiting + text)
            waiting = ""
        elif whole:
            whole[-1] += text
        else:
            waiting += text
    return whole


def _is_blank(text: str) -> bool:
    return _BLANK.fullmatch(text) is not None


def _is_dropped(text: str) -> bool:
    return _is_blank(text) or text.strip() == _NO_CONTENT


def _effort(effort: str | None) -> str | None:
    if effort is None:
        return None
    if effort not in _EFFORTS:
        raise InvalidRequest(f"reasoning_effort must be one of {', '.join(_EFFORTS)}.", param="reasoning_effort")
    return _EFFORTS[effort]


def _ignored(request: ChatRequest, stops: Sequence[str]) -> Iterator[str]:
    for name, idle in _WITHOUT_EFFECT.items():
        value = getattr(request, name)
        if value is not None and value not in idle:
            yield name
    if any(map(_is_blank, stops)):
        yield "stop"
    if any(message.name for message in request.messages):
        yield "messages[].name"
