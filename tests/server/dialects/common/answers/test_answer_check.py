"""Answers are compared with the client's own schema."""

import json
import logging
from typing import Any

import pytest

from server.conversation.events import Event, Finished, PartDelta, PartEnded, PartStarted, StopReason
from server.conversation.parts import Text, ToolCall
from server.conversation.request import AnswerFormat
from server.dialects.common.answers.answer_check import AnswerChecks, problem_in
from tests.work import counted

PET = {
    "type": "object",
    "properties": {"pet": {"type": "object", "properties": {"a/b": {"type": "integer", "minimum": 1}}}},
    "required": ["pet"],
}


@pytest.mark.parametrize(
    ("schema", "value", "problem"),
    [
        (PET, {"pet": {"a/b": 1}}, ""),
        (PET, {"pet": {"a/b": 0}}, "mismatch at /pet/a~1b"),
        (PET, {}, "mismatch at the top"),
        ({"type": "array", "items": {"enum": [1]}}, [1, 1, 2], "mismatch at /2"),
        ({"type": "number", "nullable": True}, None, ""),
        ({"type": "number"}, None, "mismatch at the top"),
        # The draft that the schema names.
        (
            {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True},
            1,
            "mismatch at the top",
        ),
        # What is not checked.
        ({"type": "string", "pattern": "^(a+)+$"}, "a" * 60 + "b", ""),
        ({"patternProperties": {"^(a+)+$": False}, "additionalProperties": False}, {"a" * 60 + "b": 1}, ""),
        ({"$ref": "https://example.org/x.json"}, 1, ""),
        ({"$ref": "#/$defs/Missing"}, 1, ""),
        ({"$ref": "#"}, 1, ""),
        ({"type": "nonsense"}, 1, ""),
        ({"properties": 5}, {}, ""),
        ({"type": "integer", "minimum": 0, "exclusiveMinimum": True}, 5, ""),
    ],
    ids=str,
)
def test_the_place_is_named(schema: dict[str, Any], value: object, problem: str) -> None:
    found, calls = counted(lambda: problem_in(json.dumps(value), json.dumps(schema)))
    assert found == problem
    assert calls < 3_000_000


def test_what_is_no_json() -> None:
    assert problem_in("{", "{}") == "not JSON"
    assert problem_in("[" * 100_000, None) == "not JSON"
    assert (problem_in("[]", None), problem_in("{}", None)) == ("mismatch at the top", "")


DOUBLING = {
    "$ref": "#/$defs/D0",
    "$defs": {
        **{f"D{n}": {"allOf": [{"$ref": f"#/$defs/D{n + 1}"}, {"$ref": f"#/$defs/D{n + 1}"}]} for n in range(60)},
        "D60": {"type": "integer"},
    },
}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (DOUBLING, 1),
        ({"items": {"enum": [str(n) for n in range(50_000)]}}, ["x"] * 50_000),
        ({"uniqueItems": True}, [{"a": n} for n in range(20_000)]),
        ({"items": {"type": "integer"}}, list(range(200_000))),
    ],
    ids=range(4),
)
def test_the_work_is_bounded(schema: dict[str, Any], value: object) -> None:
    _, calls = counted(lambda: problem_in(json.dumps(value), json.dumps(schema)))
    assert calls < 3_000_000


def answer(wanted: AnswerFormat, text: str, *, is_call: bool = False, reason: StopReason = StopReason.END) -> str:
    checks = AnswerChecks(wanted, 1)
    part = ToolCall("c", "answer") if is_call else Text("")
    events: list[Event] = [PartStarted(0, part), *(PartDelta(0, letter) for letter in text), PartEnded(0)]
    for event in events:
        checks.add(event)
    checks.finish(Finished(reason))
    return checks.found


def test_the_answer_is_the_text_or_the_arguments_of_the_answer_tool() -> None:
    schema = json.dumps({"type": "integer"})
    assert answer(AnswerFormat(schema), "5") == ""
    assert answer(AnswerFormat(schema), '"x"') == "mismatch at the top"
    wrapped = AnswerFormat(schema, "answer", is_wrapped=True)
    assert answer(wrapped, '{"answer": 5}', is_call=True, reason=StopReason.TOOL_CALLS) == ""
    assert answer(wrapped, '{"answer": "x"}', is_call=True, reason=StopReason.TOOL_CALLS) == "mismatch at the top"
    assert answer(wrapped, "Sorry.") == "not JSON"


def test_a_cut_answer_and_a_call_of_the_client_are_not_checked() -> None:
    schema = json.dumps({"type": "integer"})
    assert answer(AnswerFormat(schema), '"x', reason=StopReason.LENGTH) == ""
    assert answer(AnswerFormat(schema), "{}", is_call=True, reason=StopReason.TOOL_CALLS) == ""


def test_several_answers() -> None:
    checks = AnswerChecks(AnswerFormat(json.dumps({"type": "integer"})), 2)
    for choice, text in enumerate(("1", "[]")):
        checks.add(PartStarted(0, Text(""), choice))
        checks.add(PartDelta(0, text, choice))
    checks.finish(Finished(StopReason.END, reasons=(StopReason.END, StopReason.END)))
    assert checks.found == "choice 1: mismatch at the top"


def test_the_log_contains_no_content(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    schema = {"additionalProperties": {"type": "integer"}}
    assert problem_in('{"SECRET": "SECRET"}', json.dumps(schema)) == "mismatch at /SECRET"
    assert "type" in caplog.text
    assert "SECRET" not in caplog.text
