"""The interface between HTTP and a wire API: what every dialect provides.

Dialects are pure: they read no clock and no random numbers. Ids and times come in `ParseOptions`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from server.config import Config
from server.conversation.events import Event
from server.conversation.parts import Message
from server.conversation.request import ModelRequest
from server.dialects.common.response_store import NoStore, ResponseStore
from server.dialects.common.sealed import Seal
from server.errors import DrawbridgeError

_EMPTY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ParseOptions:
    """What a dialect may use besides the body.

    `token` is a unique string for the ids of the reply, `now` the Unix time of its creation. `path_params` are the
    values in the path template; the names in `headers` are in lower case. `request_id` is the one in the log. `seal`
    seals what the client keeps for later requests, `store` keeps responses for them. `before` is the conversation that
    the request continues, without what it contains itself.
    """

    config: Config
    token: str
    now: float
    path_params: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    headers: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    request_id: str = ""
    seal: Seal = field(default_factory=Seal)
    store: ResponseStore = field(default_factory=NoStore)
    before: tuple[Message, ...] = ()


class Encoder(Protocol):
    """Encodes the events of one answer as a stream. It is used for one stream only, so it may keep state."""

    def start(self) -> bytes:
        """The bytes before the first event, sent with the response headers; may be empty."""

    def event(self, event: Event) -> bytes:
        """The bytes for `event`, often none. `Failed` becomes one error, after which nothing is sent."""

    def heartbeat(self) -> bytes:
        """The bytes that keep a silent connection open."""

    def end(self) -> bytes:
        """The bytes after a `Finished`, sent with it; may be empty."""


class Collector(Protocol):
    """Collects the events of one answer into a whole response body."""

    def add(self, event: Event) -> None:
        """Takes the next event. Raises the error of a `Failed`."""

    def body(self) -> dict[str, object]:
        """The response body. Raises `AnswerCut` if no `Finished` was added."""


class Reply(Protocol):
    """How to answer one parsed request: in its dialect, with the options that it chose."""

    def encoder(self) -> Encoder:
        """A new encoder, for a streamed answer."""

    def collector(self) -> Collector:
        """A new collector, for a whole answer."""


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """An error as a response: status, JSON body, and headers with lower-case names."""

    status: int
    body: dict[str, object]
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A parsed request: what to ask the model, and how to reply.

    `error` is the response for an error before the answer begins, where that depends on the request; None: the
    dialect's. `others`: further requests, whose answers are further choices. `known`: the events of an answer without
    the model.
    """

    request: ModelRequest
    reply: Reply
    is_streamed: bool
    error: Callable[[DrawbridgeError], ErrorReply] | None = None
    others: tuple[ModelRequest, ...] = ()
    known: tuple[Event, ...] = ()


class Dialect(Protocol):
    """A wire API.

    `paths` are the path templates that it answers with POST. `prefixes` are the paths below which every error has this
    dialect's form, also for paths that do not exist. `content_type` is that of a streamed answer.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 # see the class

    @property
    def paths(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def prefixes(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def content_type(self) -> str: ...  # noqa: D102

    def parse(self, body: object, owner: str, options: ParseOptions) -> Exchange:
        """Parses the JSON `body` of a request by `owner`. Raises `InvalidRequest`."""

    def error(self, error: DrawbridgeError, request_id: str) -> ErrorReply:
        """The response for `error`, for a request that failed before its response began."""
