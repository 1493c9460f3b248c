"""Parses the values of settings, from texts as in variables or from TOML's own types. Each raises `ValueError`."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_HOST_NAME = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


def text(value: object) -> str:
    """A text that is not blank, without white space around it."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def web_address(value: object) -> str:
    """An http or https address."""
    address = text(value)
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not (parts.port is None or parts.port):
        raise ValueError
    return address


def proxy(value: object) -> str:
    """The address of an http or https proxy: Claude Code knows no other kinds."""
    given = text(value)
    address = given if "://" in given else f"http://{given}"
    parts = urlsplit(web_address(address))
    is_plain = address.isascii() and address.isprintable() and " " not in address
    if not is_plain or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError
    return address.rstrip("/")


def folder(value: object) -> Path:
    """A path, which may begin with `~`."""
    try:
        return Path(text(value)).expanduser()
    except RuntimeError as error:  # the folder of a user that does not exist
        raise ValueError from error


@dataclass(frozen=True, slots=True)
class Whole:
    """Parses an integer from `low` to `high`."""

    low: int
    high: int

    def __call__(self, value: object) -> int:
        """Raises `ValueError`."""
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError
        number = int(value)
        if not self.low <= number <= self.high:
            raise ValueError
        return number


@dataclass(frozen=True, slots=True)
class Number:
    """Parses a number from `low` to `high`."""

    low: float
    high: float

    def __call__(self, value: object) -> float:
        """Raises `ValueError`."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        try:
            number = float(value)
        except OverflowError as error:
            raise ValueError from error
        if not self.low <= number <= self.high:
            raise ValueError
        return number


def switch(value: object) -> bool:
    """A boolean, or one of the usual words for it."""
    if isinstance(value, bool):
        return value
    values = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
        "": False,
    }
    if not isinstance(value, str) or value.strip().lower() not in values:
        raise ValueError
    return values[value.strip().lower()]


def names(value: object) -> tuple[str, ...]:
    """Texts, also as one text with commas."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError
    return tuple(item.strip() for item in value if item.strip())


@dataclass(frozen=True, slots=True)
class OneOf:
    """Parses one of `choices`, in any case; "api-key" works too, so that a flag needs no quotes."""

    choices: tuple[str, ...]

    def __call__(self, value: object) -> str:
        """Raises `ValueError`."""
        word = text(value).lower().replace("-", " ").replace("_", " ")
        if word not in self.choices:
            raise ValueError
        return word


def host_name(value: object) -> str:
    """A public host name; a whole address is taken, too, as people copy it."""
    name = text(value).lower().removeprefix("https://").rstrip("/").rstrip(".")
    if not _HOST_NAME.fullmatch(name):
        raise ValueError
    return name
