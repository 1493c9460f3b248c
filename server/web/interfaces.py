"""Interfaces between the runner, the engine and the routes."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, Protocol  # Any: ASGI's scope and messages are untyped

from server.agents.asking.approvals import OpenQuestions
from server.config import Config
from server.conversation.embedding import EmbeddingRequest, Embeddings
from server.conversation.events import Event
from server.conversation.models import ModelCard
from server.conversation.request import ModelRequest
from server.desktop_tools.current import ComputerUse
from server.embeddings.endpoint import PassedBack
from server.sessions.store import SessionStore
from server.status import AccountStatus, Serving, SignInAccount, Status

App = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application."""
CONNECTION = "drawbridge.connection"
"""The key in an ASGI scope of a dictionary that all requests of a connection share."""


class Engine(Protocol):
    """Everything behind HTTP. Each method may raise a `DrawbridgeError`.

    The runner sets two attributes: `on_change`, called in the loop whenever `status()` has changed, and `serving`.
    """

    on_change: Callable[[], None]
    serving: Serving

    @property
    def config(self) -> Config:
        """The settings in force."""

    @property
    def approvals(self) -> OpenQuestions:
        """The questions of agents that wait for the user."""

    @property
    def computer(self) -> ComputerUse:
        """The session in which Claude uses the desktop."""

    def follow_sessions(self, sessions: SessionStore, /) -> None:
        """Forgets what belongs to a session when it is deleted or has expired."""

    def apply(self, config: Config) -> None:
        """Changes the settings, from the next request on."""

    def stream(self, request: ModelRequest, /) -> AsyncGenerator[Event, None]:
        """Streams the answer. Raises before the first event, yields `Failed` after it; closing cancels the request."""

    async def models(self) -> tuple[ModelCard, ...]:
        """Returns the models of this account, and the user's aliases."""

    def is_own_session(self, session: str, /) -> bool:
        """Whether `session` is the id of a session of our own Claude Code processes."""

    @property
    def embedder(self) -> "Embedder":
        """Computes embeddings."""

    def allow_extra_usage(self, *, is_allowed: bool = True) -> None:
        """Continues with paid extra usage until the plan's window resets, although the settings say to stop.

        `is_allowed` False: stops again.
        """

    def status(self) -> Status:
        """Returns the state of the server without waiting."""

    async def account(self) -> AccountStatus:
        """Asks Claude Code for the account and who pays."""

    async def sign_in(self, account: SignInAccount, on_url: Callable[[str], None], /) -> AccountStatus:
        """Signs in to Claude in the browser. Raises `DrawbridgeError` if no one is signed in afterwards."""


class Embedder(Protocol):
    """Computes embeddings, as the settings say. Each method may raise a `DrawbridgeError`."""

    @property
    def model(self) -> str | None:
        """The model that embeds, by its name for clients; None if there is none, or its name is not known."""

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Embeds the texts with the local model."""

    async def pass_on(self, body: bytes, *, is_passed_on: bool) -> PassedBack:
        """Posts `body` to the other endpoint of the settings; `is_passed_on`: it comes from a Drawbridge."""


class ControlPort(Protocol):
    """What /control and the page's stop button use."""

    @property
    def token(self) -> str:
        """The secret of this instance, as written to the instance file."""

    @property
    def can_quit(self) -> bool:
        """Whether the server belongs to an app that `quit` ends; the app stays when only the server stops."""

    def stop(self) -> None:
        """Asks the server to stop and returns at once."""

    def quit(self) -> None:
        """Asks the app to quit and returns at once; without an app it is the same as `stop`."""


class SettingsPort(Protocol):
    """The settings of the program that runs the server: the app, or `drawbridge serve`."""

    @property
    def wanted(self) -> Config:
        """The settings as flags, variables and the file give them; some of them apply at the next start only."""

    @property
    def restarting(self) -> frozenset[str]:
        """The settings whose change restarts the server."""

    def pinned_by(self, name: str, /) -> str:
        """The flag or variable that sets it, as in --port or DRAWBRIDGE_PORT; empty if the user may change it."""

    def change(self, changes: Mapping[str, object], /) -> tuple[str, ...]:
        """Applies parsed values, then writes them to the settings file; None: the default. Returns notices about it.

        Blocks. Raises `SettingPinned`, or what the server refuses; then nothing has changed.
        """
