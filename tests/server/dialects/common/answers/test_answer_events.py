"""The call of the answer tool becomes text."""

from collections.abc import Sequence

import pytest

from server.conversation.events import Event, Finished, PartStarted, StopReason
from server.conversation.parts import Text
from server.conversation.request import AnswerFormat
from server.dialects.common.answers.answer_events import AnswerEvents
from tests.server.dialects.answers import ANSWERS, answer, call, expected_answer, text, thinking

FORM = AnswerFormat(None, "form")
WRAPPED = AnswerFormat(None, "form", is_wrapped=True)


def fed(form: AnswerFormat | None, events: Sequence[Event]) -> list[Event]:
    filtered = AnswerEvents(form)
    return [shown for event in events for shown in filtered.feed(event)]


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("form", [None, AnswerFormat(None)])
def test_without_an_answer_tool_nothing_changes(name: str, form: AnswerFormat | None) -> None:
    assert fed(form, ANSWERS[name]) == ANSWERS[name]


@pytest.mark.parametrize(
    ("form", "deltas", "expected"),
    [
        (FORM, ['{"a": ', "1}"], '{"a": 1}'),
        (FORM, [], "{}"),
        (FORM, [""], "{}"),
        (WRAPPED, ['{"answer": ', '"x', 'y"}'], '"xy"'),
        (WRAPPED, ['{"other": 1}'], '{"other": 1}'),
    ],
)
def test_the_call_becomes_text(form: AnswerFormat, deltas: list[str], expected: str) -> None:
    shown = fed(form, answer(thinking(0, "Hm."), call(1, "form", *deltas), reason=StopReason.TOOL_CALLS))
    assert expected_answer(shown).text == expected
    assert [event.part for event in shown if isinstance(event, PartStarted)][1] == Text("")
    assert isinstance(end := shown[-1], Finished)
    assert end.reason is StopReason.END


def test_text_beside_the_call_is_left_out() -> None:
    events = answer(text(0, "Here you are:"), call(1, "form", "{}"), text(2, "Done."), reason=StopReason.TOOL_CALLS)
    assert expected_answer(fed(FORM, events)).text == "{}"


def test_text_without_the_call_comes_at_the_end() -> None:
    shown = fed(FORM, answer(text(0, "I ", "cannot."), text(1, " Sorry.")))
    assert expected_answer(shown).text == "I cannot. Sorry."
    assert fed(FORM, text(0, "I ")) == []


def test_a_call_of_the_client_keeps_the_reason() -> None:
    events = answer(call(0, "form", "{}"), call(1, "look", '{"a": 1}'), reason=StopReason.TOOL_CALLS)
    shown = fed(FORM, events)
    assert expected_answer(shown).calls == (("toolu_1", "look", {"a": 1}),)
    assert isinstance(end := shown[-1], Finished)
    assert end.reason is StopReason.TOOL_CALLS
