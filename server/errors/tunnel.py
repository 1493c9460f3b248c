"""The error of a tunnel that does not open, or has ended."""

from typing import Literal

from server.errors.base import DrawbridgeError

TunnelTrouble = Literal["missing", "sign in", "setting", "limit", "network", "ended"]
"""Why: its program is missing, the user must sign in or allow it, a setting is missing, the service refuses for now,
it cannot be reached, or its program has ended."""

_TITLES: dict[TunnelTrouble, str] = {
    "missing": "The tunnel's program is not installed",
    "sign in": "The tunnel needs a sign-in",
    "setting": "The tunnel needs a setting",
    "limit": "The tunnel service refuses for now",
    "network": "The tunnel cannot be reached",
    "ended": "The tunnel has ended",
}
_LASTING = frozenset({"missing", "sign in", "setting"})


class TunnelRefused(DrawbridgeError):
    """A tunnel does not open, or has ended. `command` or `url` is what the user runs or opens to change that."""

    def __init__(
        self, message: str = "", *, kind: TunnelTrouble = "ended", hint: str = "", command: str = "", url: str = ""
    ) -> None:
        super().__init__(message or _TITLES[kind], hint=hint, title=_TITLES[kind])
        self.kind: TunnelTrouble = kind
        self.command = command
        self.url = url

    @property
    def is_lasting(self) -> bool:
        """Whether another attempt would fail, too, until the user has done something."""
        return self.kind in _LASTING
