"""Parses a body as the chat path takes it and as the path of its own API takes it: both must mean the same."""

from dataclasses import replace
from typing import Any

from server.config import Config
from server.conversation.request import ModelRequest
from server.dialects.base import Dialect, ParseOptions
from server.dialects.chat_path import ChatCompletions
from server.dialects.detect import RequestFormat, detect_format
from server.dialects.messages.dialect import Messages
from server.dialects.responses.dialect import Responses
from server.errors import InvalidRequest

OWN: dict[str, Dialect] = {"messages": Messages(), "responses": Responses(), "chat": ChatCompletions()}


def parsed_on_both_paths(body: Any, owner: str = "local", *, shape: RequestFormat | None = None) -> ModelRequest:
    """The request of `body`, whose API is `shape`, or the one that it looks like.

    Raises `InvalidRequest` if both paths refuse it, in the same place and text.
    """
    own_path = OWN[shape or detect_format(body)]
    chat, own = (result_of(dialect, body, owner) for dialect in (ChatCompletions(), own_path))
    if not refers_to_the_store(body):
        assert comparable(own) == comparable(chat)
    if isinstance(chat, InvalidRequest):
        raise chat
    return chat


def result_of(dialect: Dialect, body: Any, owner: str) -> ModelRequest | InvalidRequest:
    try:
        return dialect.parse(body, owner, ParseOptions(Config(), "t", 0)).request
    except InvalidRequest as error:
        return error


def refers_to_the_store(body: Any) -> bool:
    """Whether the body names an earlier item, which the chat path leaves out and the Responses API must know."""
    items = body.get("input") if isinstance(body, dict) else None
    return isinstance(items, list) and any(
        isinstance(item, dict) and item.get("type") == "item_reference" for item in items
    )


def comparable(result: ModelRequest | InvalidRequest) -> object:
    """The result without what the dialects show and name differently."""
    if isinstance(result, InvalidRequest):
        return result.param, str(result)
    return replace(result, settings=replace(result.settings, shows_thinking=False), ignored=())
