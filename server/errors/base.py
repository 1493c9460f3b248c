"""What all errors share."""

from copy import copy
from typing import Self


class DrawbridgeError(Exception):
    """An error with a title, a message (what happened and why) and a hint (what to do)."""

    title = "Something went wrong"
    hint = ""

    def __init__(self, message: str = "", *, hint: str | None = None, title: str | None = None) -> None:
        super().__init__(message or self.title)
        self.message = message or self.title
        if hint is not None:
            self.hint = hint
        if title is not None:
            self.title = title

    def __str__(self) -> str:
        """Returns the message and the hint, as shown in replies and log lines."""
        if not self.hint:
            return self.message
        stop = "" if self.message.endswith((".", "!", "?", ":")) else "."
        return f"{self.message}{stop} {self.hint}"

    def fresh(self) -> Self:
        """A copy without a traceback: one exception raised in several tasks mixes up their tracebacks."""
        return copy(self)
