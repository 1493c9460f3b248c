"""Sealed content opens only unchanged, with the same key, as the same kind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.conversation.parts import RedactedThinking, Thinking
from server.dialects.common.sealed import VERSION, Seal, sealed_thought, thought_in

SEAL = Seal(b"a key")
THOUGHT = Thinking("A sum. Grüße 🌉", "c2lnbmF0dXJl", "claude-sonnet-5-5")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_content_returns_as_it_was(text: str, other: str) -> None:
    assert SEAL.open("a", SEAL.close("a", {"text": text, "other": other})) == {"text": text, "other": other}


@pytest.mark.parametrize("thought", [THOUGHT, Thinking("", "s", "m"), RedactedThinking("data", "m")])
def test_a_thought_returns_with_its_signature_and_its_model(thought: Thinking | RedactedThinking) -> None:
    opened = thought_in(SEAL, sealed_thought(SEAL, thought, thought.model or ""))
    assert opened == thought
    assert opened is not None
    assert opened.model == thought.model


def test_an_unsigned_thought_is_not_sealed() -> None:
    assert sealed_thought(SEAL, Thinking("x"), "m") is None


def test_changed_content_does_not_open() -> None:
    sealed = sealed_thought(SEAL, THOUGHT, "m")
    assert sealed is not None
    assert sealed.startswith(f"{VERSION}.")
    for at in range(len(sealed)):
        changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
        assert thought_in(SEAL, changed) is None
    for cut in range(len(sealed)):
        assert thought_in(SEAL, sealed[:cut]) is None


@pytest.mark.parametrize("other", [None, 5, "", "gAAAAAB", "db1", "db1..", "db1.é.é", {"a": 1}])
def test_content_of_others_does_not_open(other: object) -> None:
    assert thought_in(SEAL, other) is None


def test_another_key_or_kind_does_not_open() -> None:
    sealed = SEAL.close("thinking", {"text": "x", "signature": "s", "model": "m"})
    assert thought_in(SEAL, sealed) is not None
    assert thought_in(Seal(b"another key"), sealed) is None
    assert SEAL.open("summary", sealed) is None
