"""The Messages dialect: Anthropic's own API, as its libraries and Claude Code speak it."""

from dataclasses import dataclass, replace

from server.dialects.base import ErrorReply, Exchange, ParseOptions
from server.dialects.common.effort import wants_thinking
from server.dialects.common.options import unknown_fields
from server.dialects.framing import SSE_TYPE
from server.dialects.messages.anthropic_tools import refuse_server_tools
from server.dialects.messages.errors import error_reply
from server.dialects.messages.reply_options import ReplyOptions
from server.dialects.messages.request import parse_messages, request_from_messages
from server.dialects.messages.request_types import MessagesRequest
from server.dialects.messages.response import MessagesCollector
from server.dialects.messages.stream import MessagesEncoder
from server.errors import DrawbridgeError

VERSION_HEADER = "anthropic-version"
"""Anthropic's clients send it with every request, also to the paths that OpenAI's API has, too."""


@dataclass(frozen=True, slots=True)
class MessagesReply:
    """Replies to one request as a message."""

    options: ReplyOptions

    def encoder(self) -> MessagesEncoder:
        """A new encoder, for a streamed answer."""
        return MessagesEncoder(self.options)

    def collector(self) -> MessagesCollector:
        """A new collector, for a whole answer."""
        return MessagesCollector(self.options)


class Messages:
    """Anthropic's Messages API."""

    name = "messages"
    paths = ("/v1/messages",)
    prefixes = ("/v1/messages",)
    content_type = SSE_TYPE

    def parse(self, body: object, owner: str, options: ParseOptions) -> Exchange:
        """Parses the JSON `body` of a request by `owner`. Raises `InvalidRequest` that names a wrong field."""
        config = options.config
        messages = parse_messages(body)
        refuse_server_tools(messages)
        request = request_from_messages(
            messages, owner=owner, forwards_sampling=config.forward_sampling, before=options.before
        )
        ignored = dict.fromkeys((*request.ignored, *unknown_fields(body, MessagesRequest)))
        reply = ReplyOptions(
            id=f"msg_{options.token}",
            model=request.model or config.model,
            shows_thinking=request.settings.thinks and wants_thinking(messages),
            answer=request.answer,
            request_id=options.request_id,
        )
        return Exchange(replace(request, ignored=tuple(ignored)), MessagesReply(reply), messages.stream)

    def error(self, error: DrawbridgeError, request_id: str) -> ErrorReply:
        """The response for `error`."""
        return error_reply(error, request_id)
