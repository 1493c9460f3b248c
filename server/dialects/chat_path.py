"""What is asked on the chat path, in whichever of three dialects; the answer is told in chat's own words each time."""

from dataclasses import dataclass, replace

from server.config import Config
from server.conversation.request import ModelRequest
from server.dialects.chat_completions.reply_options import ReplyOptions
from server.dialects.chat_completions.request import parse_chat, reply_options, request_from_chat
from server.dialects.detect import dialect_of
from server.dialects.messages.request import parse_messages, request_from_messages
from server.dialects.messages.request_types import MessagesRequest
from server.dialects.responses.request import parse_responses, request_from_responses
from server.dialects.responses.request_types import ResponsesRequest


@dataclass(frozen=True, slots=True)
class Asked:
    """A request on the chat path: the turn, and how its answer is to be told."""

    turn: ModelRequest
    form: ReplyOptions
    is_streamed: bool


def asked_on_chat_path(body: object, *, owner: str, config: Config) -> Asked:
    """What the parsed JSON `body` asks; `owner` says who asks. Raises `InvalidRequest` in the body's own terms."""
    match dialect_of(body):
        case "responses":
            responses = parse_responses(body)
            turn = request_from_responses(responses, owner=owner, forwards_sampling=config.forward_sampling)
            return _foreign(responses, turn, config)
        case "messages":
            messages = parse_messages(body)
            turn = request_from_messages(messages, owner=owner, forwards_sampling=config.forward_sampling)
            return _foreign(messages, turn, config)
        case "chat":
            chat = parse_chat(body)
            how = config.reasoning
            turn = request_from_chat(chat, owner=owner, forwards_sampling=config.forward_sampling, thoughts=how)
            return Asked(turn, reply_options(chat, turn, thoughts=how), chat.stream)


def _foreign(request: ResponsesRequest | MessagesRequest, turn: ModelRequest, config: Config) -> Asked:
    how, settings = config.reasoning, turn.settings
    shows = settings.thinks and (how == "tags" or (how == "field" and settings.shows_thinking))
    form = ReplyOptions(
        text_tools=frozenset(tool.name for tool in turn.profile.tools if tool.takes_text),
        # Tags would make JSON something else.
        thoughts="field" if how == "tags" and settings.schema is not None else how,
        has_usage=request.stream_options is not None and request.stream_options.include_usage,
    )
    return Asked(replace(turn, settings=replace(settings, shows_thinking=shows)), form, request.stream)
