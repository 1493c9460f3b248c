"""Property names of tool calls, mapped between the client's and Claude's."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from server.claude.protocol.tool_keys import KeyRenamer, renamed_keys

NAMES = {"filter_id_": "filter[id]", "größe_": 'gr"öße\\', "plain": "with space"}
KEYS = st.sampled_from([*NAMES, "other", "a,b", "{", "]", 'quo"te', "back\\slash", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.lists(st.integers(1, 5), min_size=1), st.booleans(), st.booleans())
def test_fragments_together_are_the_renamed_object(
    arguments: dict[str, Any], sizes: list[int], is_ascii: bool, is_spaced: bool
) -> None:
    text = json.dumps(arguments, ensure_ascii=is_ascii, indent=2 if is_spaced else None)
    renamer, fragments, start = KeyRenamer(NAMES), [], 0
    for size in sizes * len(text):
        fragments.append(renamer.feed(text[start : start + size]))
        start += size
        if start >= len(text):
            break
    assert json.loads("".join(fragments) + renamer.end()) == renamed_keys(arguments, NAMES)


def test_text_that_is_no_key_passes_at_once() -> None:
    renamer = KeyRenamer(NAMES)
    assert renamer.feed('{"plain": "a long va') == '{"with space": "a long va'
    assert renamer.feed('lue", "fil') == 'lue", '
    assert renamer.feed('ter_id_": 1}') == '"filter[id]": 1}'


def test_an_object_that_breaks_off_within_a_key_keeps_its_text() -> None:
    renamer = KeyRenamer(NAMES)
    assert renamer.feed('{"pla') == "{"
    assert renamer.end() == '"pla'
