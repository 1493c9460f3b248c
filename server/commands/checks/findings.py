"""The result types of `drawbridge doctor` and its self-test."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How serious a finding is. NOTE: not ideal, but nothing depends on it."""

    OK = "ok"
    NOTE = "note"
    MISSING = "MISSING"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    name: str
    level: Level
    text: str


CheckTray = Callable[[], Finding]
"""Checks where the icon would be shown; given by the desktop app."""
