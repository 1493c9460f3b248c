"""What the vectors mean: graded sentences in every language of the model, and a search."""

import pytest

from tests.server.embeddings.kit import alike, closeness, rank_correlation, vector
from tests.server.embeddings.sentences import DOCUMENTS, ENGLISH, LANGUAGES, PAIRS, QUESTIONS


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_meaning_is_closer_than_the_same_subject_and_that_than_another_one(language: str) -> None:
    graded = LANGUAGES[language]
    same, related, other = (alike(graded.text, text) for text in (graded.same, graded.related, graded.other))
    assert same > related + 0.15
    assert other + 0.01 < related
    assert same > 0.5
    assert other < 0.15


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_is_closer_than_anything_else(language: str) -> None:
    graded = LANGUAGES[language]
    translated = alike(ENGLISH.text, graded.text)
    assert translated > 0.65
    assert translated > max(alike(ENGLISH.text, graded.related), alike(ENGLISH.text, graded.other)) + 0.2


@pytest.mark.parametrize(("dimensions", "least"), [(None, 0.8), (256, 0.8), (128, 0.75), (64, 0.7)])
def test_closeness_has_the_order_of_the_grades(dimensions: int | None, least: float) -> None:
    grades = [grade for *_, grade in PAIRS]
    assert rank_correlation(grades, [alike(one, other, dimensions) for one, other, _ in PAIRS]) > least


@pytest.mark.parametrize(("dimensions", "least"), [(None, 16), (256, 15), (64, 12)])
def test_a_search_finds_the_document_that_answers_the_question(dimensions: int | None, least: int) -> None:
    documents = [vector(document, dimensions) for document in DOCUMENTS]
    found = 0
    for question, number in QUESTIONS:
        asked = vector(question, dimensions)
        closest = max(range(len(documents)), key=lambda one: closeness(asked, documents[one]))  # at once
        found += closest == number
    assert found >= least
