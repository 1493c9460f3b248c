"""The model list: names first, then full ids and aliases, without repetition."""

from dataclasses import replace
from typing import Any

import pytest
from openai.types import Model

from server.conversation.models import ModelCard
from server.dialects.chat_completions.models import models_page, row_named
from server.errors import ModelUnknown
from tests.server.dialects.openai_api import published

CARDS = (
    ModelCard("default", "claude-sonnet-4-5", "Default (recommended)", context_length=200_000),
    ModelCard("opus", "claude-opus-4-5", "Opus 4.5", context_length=200_000, max_output_tokens=32_000),
    ModelCard("sonnet", "claude-sonnet-4-5", "Sonnet 4.5", context_length=200_000, max_output_tokens=64_000),
    ModelCard("haiku", "haiku", "Haiku"),
    ModelCard("claude-old", "claude-old", "Old one"),
)
CREATED = 1_790_000_000


def rows() -> list[dict[str, Any]]:
    page: dict[str, Any] = models_page(CARDS, created=CREATED)
    assert page["object"] == "list"
    return list(page["data"])


def test_names_come_first_then_full_ids_then_aliases() -> None:
    assert [row["id"] for row in rows()] == [
        "default",
        "opus",
        "sonnet",
        "haiku",
        "claude-old",
        "claude-opus-4-5",
        "claude-sonnet-4-5",
        "cc:default",
        "cc:opus",
        "cc:sonnet",
        "cc:haiku",
    ]


def test_a_row_contains_limits_and_capabilities() -> None:
    row = row_named("opus", CARDS, created=CREATED, api_types=["chat_completions"])
    capabilities = row.pop("capabilities")
    assert row == {
        "id": "opus",
        "object": "model",
        "created": CREATED,
        "owned_by": "anthropic",
        "name": "Opus 4.5",
        "context_length": 200_000,
        "max_output_tokens": 32_000,
        "api_types": ["chat_completions"],
    }
    assert isinstance(capabilities, dict)
    assert {"context_length": 200_000, "max_output_tokens": 32_000}.items() <= capabilities.items()


def test_limits_that_no_answer_has_reported_are_those_that_every_model_has() -> None:
    haiku = row_named("haiku", CARDS, created=CREATED)
    assert (haiku["context_length"], haiku["max_output_tokens"]) == (200_000, 32_000)
    long = ModelCard("sonnet[1m]", "claude-sonnet-4-5[1m]", "Long")
    assert row_named("sonnet[1m]", (long,), created=CREATED)["context_length"] == 1_000_000


def test_an_alias_is_described_like_its_name() -> None:
    assert {**row_named("cc:opus", CARDS, created=CREATED), "id": "opus"} == row_named("opus", CARDS, created=CREATED)


def test_all_rows_have_the_capabilities_that_cursors_local_mode_reads() -> None:
    """It hides a row that contains less than another one."""
    cards = tuple(replace(card, efforts=("low", "high")) for card in CARDS)
    page: dict[str, Any] = models_page(cards, created=CREATED, api_types=["chat_completions"])
    for row in page["data"]:
        assert row["api_types"] == ["chat_completions"]
        capabilities = row["capabilities"]
        assert {name for name in capabilities if capabilities[name] is True} == {
            "supports_tool_use",
            "supports_streaming",
            "supports_vision",
            "supports_reasoning",
        }
        assert capabilities["context_length"] == row["context_length"] == 200_000
        assert capabilities["max_output_tokens"] == row["max_output_tokens"]
        assert capabilities["reasoning_effort"] == ["low", "high"]
        assert (capabilities["input_modalities"], capabilities["output_modalities"]) == (["text", "image"], ["text"])
    assert len({frozenset(row) for row in page["data"]}) == 1


def test_a_full_id_is_described_by_its_own_card_and_not_by_the_default() -> None:
    assert row_named("claude-sonnet-4-5", CARDS, created=CREATED)["name"] == "Sonnet 4.5"


def test_every_row_is_found_by_its_id() -> None:
    for row in rows():
        assert row_named(row["id"], CARDS, created=CREATED) == row


@pytest.mark.parametrize("name", ["gpt-4o-mini", "", "x" * 5000, "\ud800"])
def test_an_unknown_model(name: str) -> None:
    with pytest.raises(ModelUnknown) as caught:
        row_named(name, CARDS, created=CREATED)
    assert caught.value.param == "model"
    assert len(str(caught.value).encode()) < 250


def test_no_models_are_an_empty_list() -> None:
    assert models_page((), created=CREATED) == {"object": "list", "data": []}


def test_openais_own_models_accept_every_row() -> None:
    for row in rows():
        Model.model_validate(row, strict=True)


def test_openais_published_schema_accepts_the_page() -> None:
    published("ListModelsResponse")(models_page(CARDS, created=CREATED))
