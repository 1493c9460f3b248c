"""The user's own names for models, as the settings have them: `fast = "haiku"`, or with an effort."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

EFFORTS = ("low", "medium", "high", "xhigh", "max")
_NAME = re.compile(r"[^\s=,\"'\x00-\x1f\x7f]{1,100}")
_MODEL = re.compile(r"[^=,\x00-\x1f\x7f]{1,200}")
# What clients put before a name, and the beginning of all full ids.
_RESERVED = ("cc:", "anthropic/", "anthropic:", "claude-")
_SUFFIX = r"\d+m?|minimal|low|medium|high|xhigh|extra|max|thinking|reasoning|fast|priority|latest"
# A family with nothing but a version and an effort.
_CLAUDES = re.compile(rf"(?:default|opus|sonnet|haiku)(?:[-.:@\[\]]+(?:{_SUFFIX})?)*", re.IGNORECASE)
_MOST = 100


class Misfit(ValueError):
    """A part of a setting that cannot be used: its key, and the rest of a sentence about it."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key
        self.problem = problem


@dataclass(frozen=True, slots=True)
class ModelAlias:
    """A name for `model`, which is written as clients may write it. `effort` None: the one that the model implies."""

    name: str
    model: str
    effort: str | None = None

    def __str__(self) -> str:
        """One text of the list that flags and variables take."""
        return f"{self.name}={self.model}{f'-{self.effort}' if self.effort else ''}"


def parse_aliases(value: object) -> tuple[ModelAlias, ...]:
    """Parses a table of names, or texts such as `fast=haiku,deep=opus-high`. Raises `Misfit`, or `ValueError`."""
    aliases = tuple(_alias(name, model) for name, model in _pairs(value))
    if len(aliases) > _MOST:
        raise ValueError
    names: dict[str, str] = {}
    for alias in aliases:
        if (other := names.setdefault(alias.name.lower(), alias.name)) is not alias.name:
            raise Misfit(alias.name, f"has the name of the alias {other!r}")
    for alias in aliases:
        if alias.model.lower() in names:
            raise Misfit(alias.name, f"must name a model, and {alias.model!r} is an alias")
    return aliases


def as_table(aliases: Iterable[ModelAlias]) -> dict[str, object]:
    """The aliases as the table of the settings file."""
    return {
        alias.name: alias.model if alias.effort is None else {"model": alias.model, "effort": alias.effort}
        for alias in aliases
    }


def _pairs(value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, Mapping):
        return ((str(name), model) for name, model in value.items())
    texts = value.split(",") if isinstance(value, str) else value
    if not isinstance(texts, list | tuple):
        raise ValueError
    return (_pair(text) for text in texts if text != "")


def _pair(text: object) -> tuple[str, object]:
    if isinstance(text, ModelAlias):
        text = str(text)
    if not isinstance(text, str) or "=" not in text:
        raise ValueError
    name, _, model = text.partition("=")
    return name.strip(), model.strip()


def _alias(name: str, value: object) -> ModelAlias:
    if not _NAME.fullmatch(name):
        raise Misfit(name[:100], "must have a name of 1 to 100 characters without spaces, quotes, commas and '='")
    if name.lower().startswith(_RESERVED) or _CLAUDES.fullmatch(name):
        raise Misfit(name, "would hide a model of Claude's; choose another name")
    if not isinstance(value, Mapping):
        return ModelAlias(name, _model(name, value))
    for key in value:
        if key not in {"model", "effort"}:
            raise Misfit(f"{name}.{key}", "is unknown; an alias has a model and an effort")
    effort = value.get("effort")
    if effort is not None and effort not in EFFORTS:
        raise Misfit(f"{name}.effort", f"takes {', '.join(EFFORTS[:-1])} or {EFFORTS[-1]}, not {effort!r}")
    if "model" not in value:
        raise Misfit(name, 'has no model, as in { model = "opus", effort = "high" }')
    return ModelAlias(name, _model(f"{name}.model", value["model"]), effort)


def _model(key: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not _MODEL.fullmatch(value.strip()):
        raise Misfit(key, f"takes a model's id or name, as in opus, not {value!r}")
    return value.strip()
