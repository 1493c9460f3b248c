"""What the routes ask of the rest of the house: answers, models, the server's own state, and how to stop it."""

from collections.abc import AsyncGenerator
from typing import Protocol

from server.config import Config
from server.conversation.events import Event
from server.conversation.models import ModelCard
from server.conversation.request import ModelRequest
from server.status import AccountStatus, Status


class Services(Protocol):
    """Everything behind the doors. Each method may raise a `DrawbridgeError`."""

    @property
    def config(self) -> Config:
        """The settings in force now."""
        ...

    def stream(self, turn: ModelRequest) -> AsyncGenerator[Event, None]:
        """The answer to `turn`: raises before the first event, yields `Failed` after it; closing stops everything."""
        ...

    async def models(self) -> tuple[ModelCard, ...]:
        """The models of this account."""
        ...

    def status(self) -> Status:
        """The state of the server, at once."""
        ...

    async def account(self) -> AccountStatus:
        """Who is signed in and who pays, asked from Claude Code."""
        ...


class ControlPort(Protocol):
    """The lever of the running server: only who knows the token may pull it."""

    @property
    def token(self) -> str:
        """The secret of this instance, as it stands in the instance file."""
        ...

    def stop(self) -> None:
        """Asks the server to stop and returns at once."""
        ...
