"""All that answers, as the runner holds it and as the routes see it."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol  # Any: the messages of ASGI are foreign

from server.config import Config
from server.conversation.events import Event
from server.conversation.models import ModelCard
from server.conversation.request import ModelRequest
from server.machine.paths import Folders
from server.status import AccountStatus, SignInAccount, Status
from server.web.interfaces import ControlPort, Services

App = Callable[[Any, Any, Any], Awaitable[None]]


class Engine(Services, Protocol):
    """All that answers; what `open_services` yields. It calls `on_change`, in the loop, when its status is another."""

    on_change: Callable[[], None]

    def apply(self, config: Config) -> None:
        """New settings, from the next request on."""
        ...

    async def sign_in(self, account: SignInAccount, on_url: Callable[[str], None]) -> AccountStatus:
        """Signs in to Claude in the browser. Raises `DrawbridgeError` where nobody is signed in afterwards."""
        ...


OpenServices = Callable[[Config, Folders], AbstractAsyncContextManager[Engine]]


class CreateApp(Protocol):
    """Makes the application over the services."""

    def __call__(self, config: Config, services: Services, *, control: ControlPort) -> App:
        """The application, without doors."""
        ...


class Published:
    """The engine as the routes see it: its status is the runner's, with the addresses."""

    def __init__(self, engine: Engine, status: Callable[[], Status]) -> None:
        self._engine = engine
        self._status = status

    @property
    def config(self) -> Config:
        """The settings in force now."""
        return self._engine.config

    def stream(self, turn: ModelRequest) -> AsyncGenerator[Event, None]:
        """The engine's."""
        return self._engine.stream(turn)

    async def models(self) -> tuple[ModelCard, ...]:
        """The engine's."""
        return await self._engine.models()

    def status(self) -> Status:
        """The whole server's."""
        return self._status()

    async def account(self) -> AccountStatus:
        """The engine's."""
        return await self._engine.account()
