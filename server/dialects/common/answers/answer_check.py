"""Checks an answer in JSON against the client's own schema, which Claude does not always follow to the letter.

The work is bounded: patterns are not run, because a pattern of the client's can take forever; nothing is fetched; and
after a fixed number of steps the check gives up.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any  # jsonschema has no types

from server.conversation.events import Event, Finished, PartDelta, PartStarted, StopReason
from server.conversation.parts import Text, ToolCall
from server.conversation.request import AnswerFormat
from server.dialects.common.answers.answer_unwrapper import AnswerUnwrapper

logger = logging.getLogger(__name__)

# Keywords, and what each of them has to look at.
_MAX_WORK = 50_000
_MAX_UNIQUE_ITEMS = 500
_MAX_TEXT = 2_000_000
_COMPLETE = frozenset({StopReason.END, StopReason.STOP_SEQUENCE, StopReason.TOOL_CALLS})


class AnswerChecks:
    """Takes the events of `choices` answers in order. `finish` sets `found`: the first problem, empty if none."""

    def __init__(self, wanted: AnswerFormat, choices: int) -> None:
        self._checkers = tuple(_Checker(wanted) for _ in range(choices))
        self.found = ""

    def add(self, event: Event) -> None:
        """Takes the next event."""
        if isinstance(event, PartStarted | PartDelta):
            self._checkers[event.choice].add(event)

    def finish(self, event: Finished) -> None:
        """Checks all answers. It may take some tenths of a second: call it in a thread."""
        for choice, checker in enumerate(self._checkers):
            reason = event.reasons[choice] if event.reasons else event.reason
            if problem := checker.problem(reason):
                self.found = problem if len(self._checkers) == 1 else f"choice {choice}: {problem}"
                return


class _Checker:
    """Takes the events of one answer."""

    def __init__(self, wanted: AnswerFormat) -> None:
        self._wanted = wanted
        self._texts: list[str] = []
        self._answers: dict[int, AnswerUnwrapper | None] = {}
        self._text_parts: set[int] = set()
        self._answer: list[str] = []
        self._has_calls = False

    def add(self, event: PartStarted | PartDelta) -> None:
        match event:
            case PartStarted(index=index, part=ToolCall(name=name)):
                if name == self._wanted.tool:
                    self._answers[index] = AnswerUnwrapper() if self._wanted.is_wrapped else None
                else:
                    self._has_calls = True
            case PartStarted(index=index, part=Text()):
                self._text_parts.add(index)
            case PartDelta(index=index, text=text) if index in self._answers:
                unwrapper = self._answers[index]
                self._answer.append(text if unwrapper is None else unwrapper.feed(text))
            case PartDelta(index=index, text=text) if index in self._text_parts:
                self._texts.append(text)
            case _:
                pass

    def problem(self, reason: StopReason) -> str:
        """Returns what is wrong. Answers that ended early and calls of the client's own tools are not checked."""
        if reason not in _COMPLETE or (self._has_calls and not self._answers):
            return ""
        rest = (unwrapper.end() for unwrapper in self._answers.values() if unwrapper is not None)
        text = "".join((*self._answer, *rest) if self._answers else self._texts)
        return "" if len(text) > _MAX_TEXT else problem_in(text, self._wanted.schema)


def problem_in(text: str, schema: str | None) -> str:
    """Returns where `text` does not match `schema`, which is JSON text, too; empty if it does or cannot be checked.

    `schema` None is any object. The log contains only the keyword that was not met.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        logger.warning("the answer is not JSON, as the request wants it")
        return "not JSON"
    if schema is None:
        return "" if isinstance(value, dict) else "mismatch at the top"
    try:
        error = _first_error(value, json.loads(schema))
    except Exception as reason:  # noqa: BLE001 # a schema may be wrong in any way, and the answer is sent all the same
        logger.info("the answer cannot be checked against its schema: %s", type(reason).__name__)
        return ""
    if error is None:
        return ""
    logger.warning("the answer does not match the schema of the request: %s", error.validator)
    pointer = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in error.absolute_path)
    return f"mismatch at {pointer or 'the top'}"


class _TooMuchWorkError(Exception):
    """The check would take too long."""


def _first_error(value: object, schema: Any) -> Any:
    from jsonschema import validators  # type: ignore[import-untyped] # it has no types
    from referencing import Registry

    dialect = validators.validator_for(schema, default=validators.validator_for({}))
    # A registry of its own: the default one fetches references.
    validator = _bounded(dialect)(schema, registry=Registry())
    _work.left = _MAX_WORK
    return next(validator.iter_errors(value), None)


_work = threading.local()


@cache
def _bounded(dialect: Any) -> Any:
    """Returns the validator of a draft, with OpenAPI's `nullable`, without patterns, and with a limit of work."""
    from jsonschema import validators

    own = {**dialect.VALIDATORS, "pattern": _nothing, "patternProperties": _nothing}
    for keyword in ("additionalProperties", "unevaluatedProperties"):
        if keyword in own:
            own[keyword] = _without_patterns(own[keyword])
    own["uniqueItems"] = _of_few_items(dialect.VALIDATORS["uniqueItems"])
    return validators.extend(dialect, {keyword: _counted(check) for keyword, check in own.items()})


Check = Callable[[Any, Any, Any, Any], Any]


def _counted(check: Check) -> Check:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        _work.left -= 1 + sum(len(each) for each in (value, instance) if isinstance(each, list | dict))
        if _work.left < 0:
            raise _TooMuchWorkError
        if instance is None and schema.get("nullable") is True:
            return
        yield from check(validator, value, instance, schema) or ()

    return counted


def _nothing(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:  # noqa: ARG001 # jsonschema's
    return iter(())


def _without_patterns(check: Check) -> Check:
    """Which properties are additional depends on the patterns beside it."""

    def checked(validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]) -> Any:
        return () if "patternProperties" in schema else check(validator, value, instance, schema)

    return checked


def _of_few_items(check: Check) -> Check:
    """Each item is compared with each other one."""

    def checked(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        is_short = not isinstance(instance, list) or len(instance) <= _MAX_UNIQUE_ITEMS
        return check(validator, value, instance, schema) if is_short else ()

    return checked
