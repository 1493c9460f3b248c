"""What the page shows of one request: its phases, its fields, and what helps against its error."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import errors
from server.journal.advice import advice_for
from server.journal.fields import fields_in
from server.journal.phases import phases
from server.machine.files.assets import asset
from tests.server.journal.test_journal import RECORD

times = st.none() | st.floats(0, 10_000)


def test_an_answer_has_all_phases() -> None:
    record = replace(RECORD, read_ms=1.0, leased_ms=5.0, sent_ms=8.0, first_ms=700.0, total_ms=2000.0)
    found = [(phase.name, phase.from_ms, phase.until_ms) for phase in phases(record)]
    assert found == [
        ("read", 0.0, 1.0),
        ("wait", 1.0, 5.0),
        ("prepare", 5.0, 8.0),
        ("first", 8.0, 700.0),
        ("answer", 700.0, 2000.0),
    ]


@pytest.mark.parametrize(
    ("known", "names"),
    [
        ({}, ["whole"]),
        ({"read_ms": 3.0}, ["read", "whole"]),
        ({"first_ms": 3.0}, ["first", "answer"]),
        ({"leased_ms": 1.0, "first_ms": 3.0}, ["wait", "first", "answer"]),
    ],
)
def test_a_phase_that_is_not_known_is_part_of_the_next_one(known: dict[str, float], names: list[str]) -> None:
    empty = replace(RECORD, leased_ms=None, first_ms=None, total_ms=9.0)
    assert [phase.name for phase in phases(replace(empty, **known))] == names  # type: ignore[arg-type]


@given(times, times, times, times, st.floats(0, 10_000))
def test_phases_follow_each_other_without_gaps_whatever_the_times(
    read: float | None, leased: float | None, sent: float | None, first: float | None, total: float
) -> None:
    found = phases(replace(RECORD, read_ms=read, leased_ms=leased, sent_ms=sent, first_ms=first, total_ms=total))
    assert [found[0].from_ms, *(phase.until_ms for phase in found)] == [0.0, *(p.from_ms for p in found[1:]), total]
    assert all(phase.from_ms <= phase.until_ms for phase in found)


def test_only_names_of_an_api_are_kept_of_fields() -> None:
    places = (
        *("seed", "tools[3] (web_search)", "messages[1].content[0].image_url (shrunk)", "seed"),
        *("response_format.json_schema.schema.properties.diagnosis.minimum", "properties.pet.discriminator"),
        *("a secret prompt", "no result for call_1", "x" * 81, "ключ", "a\x00b", "", "input[0][1]"),
    )
    kept = "seed, tools[3], messages[1].content[0].image_url, response_format.json_schema.schema, input[0][1]"
    assert fields_in(places) == kept


@given(st.lists(st.text(max_size=100)))
def test_kept_fields_are_few_short_and_plain(places: list[str]) -> None:
    kept = fields_in(places)
    assert kept.isascii()
    assert " " not in kept.replace(", ", "")
    assert len(kept) < 20 * 82


@pytest.mark.parametrize("name", [name for name in errors.__all__ if isinstance(getattr(errors, name), type)])
def test_every_error_of_a_request_has_advice_and_its_page_exists(name: str) -> None:
    advice = advice_for(replace(RECORD, error=name))
    assert advice.text
    if advice.page is not None:
        assert asset(f"{advice.page[1:]}.md").is_file()


@pytest.mark.parametrize("name", ["", "NotOurs", "annotations", "__all__", "engine", "\ud800"])
def test_what_is_no_error_of_ours_has_no_advice(name: str) -> None:
    assert advice_for(replace(RECORD, error=name)).text == ""
