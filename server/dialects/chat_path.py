"""The chat completions dialect: parses a body in any of three request formats, and always replies as chat completions.

Cursor posts bodies of the Responses API and of Anthropic's Messages API to this path and expects chat chunks back.
"""

from dataclasses import dataclass, replace

from server.config import Config
from server.conversation.request import ModelRequest
from server.dialects.base import ErrorReply, Exchange, ParseOptions
from server.dialects.chat_completions.reply_options import ReplyOptions
from server.dialects.chat_completions.request import parse_chat, reply_options, request_from_chat
from server.dialects.chat_completions.response import ChatCollector
from server.dialects.chat_completions.stream import ChatEncoder
from server.dialects.common.openai_errors import error_reply
from server.dialects.common.options import unknown_fields
from server.dialects.detect import TYPES, detect_format, fields_of_other_formats
from server.dialects.framing import SSE_TYPE
from server.dialects.messages.request import parse_messages, request_from_messages
from server.dialects.messages.request_types import MessagesRequest
from server.dialects.responses.request import parse_responses, request_from_responses
from server.dialects.responses.request_types import ResponsesRequest
from server.errors import DrawbridgeError


@dataclass(frozen=True, slots=True)
class ChatReply:
    """Replies to one request as chat completions."""

    id: str
    created: int
    model: str
    options: ReplyOptions

    def encoder(self) -> ChatEncoder:
        """A new encoder, for a streamed answer."""
        return ChatEncoder(id=self.id, created=self.created, model=self.model, options=self.options)

    def collector(self) -> ChatCollector:
        """A new collector, for a whole answer."""
        return ChatCollector(id=self.id, created=self.created, model=self.model, options=self.options)


class ChatCompletions:
    """OpenAI's Chat Completions API. Its errors have the form that all of OpenAI's APIs share."""

    name = "chat_completions"
    paths = ("/v1/chat/completions",)
    prefixes = ("/v1", "/openai", "/api/v0")
    content_type = SSE_TYPE

    def parse(self, body: object, owner: str, options: ParseOptions) -> Exchange:
        """Parses the JSON `body` of a request by `owner`. Raises `InvalidRequest` in the terms of the body's format."""
        request, how, is_streamed = _read(body, owner, options)
        model = request.model or options.config.model
        reply = ChatReply(f"chatcmpl-{options.token}", int(options.now), model, how)
        return Exchange(request, reply, is_streamed)

    def error(self, error: DrawbridgeError, request_id: str) -> ErrorReply:  # noqa: ARG002 # only in the header
        """The response for `error`."""
        return error_reply(error)


def _read(body: object, owner: str, options: ParseOptions) -> tuple[ModelRequest, ReplyOptions, bool]:
    config, before = options.config, options.before
    forwards = config.forward_sampling
    found = detect_format(body)
    match found:
        case "responses":
            responses = parse_responses(body)
            request = request_from_responses(responses, owner=owner, forwards_sampling=forwards, before=before)
            request, how, is_streamed = _foreign(responses, request, config)
        case "messages":
            messages = parse_messages(body)
            request = request_from_messages(messages, owner=owner, forwards_sampling=forwards, before=before)
            request, how, is_streamed = _foreign(messages, request, config)
        case "chat":
            chat, shown = parse_chat(body), config.reasoning
            request = request_from_chat(chat, owner=owner, forwards_sampling=forwards, thoughts=shown, before=before)
            how, is_streamed = reply_options(chat, request, thoughts=shown), chat.stream
    lost = dict.fromkeys(
        (*fields_of_other_formats(body, found), *request.ignored, *unknown_fields(body, *TYPES.values()))
    )
    return replace(request, ignored=tuple(lost)), how, is_streamed


def _foreign(
    body: ResponsesRequest | MessagesRequest, request: ModelRequest, config: Config
) -> tuple[ModelRequest, ReplyOptions, bool]:
    shown, settings = config.reasoning, request.settings
    shows_thinking = settings.thinks and (shown == "tags" or (shown == "field" and settings.shows_thinking))
    how = ReplyOptions(
        raw_text_tools=frozenset(tool.name for tool in request.profile.tools if tool.takes_text),
        # Tags inside the content would make JSON invalid.
        reasoning="field" if shown == "tags" and request.answer else shown,
        answer=request.answer,
        include_usage=body.stream_options is not None and body.stream_options.include_usage,
    )
    return replace(request, settings=replace(settings, shows_thinking=shows_thinking)), how, body.stream
