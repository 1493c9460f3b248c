"""The model list in Anthropic's form, as Anthropic's own types read it."""

from typing import Any

import pytest
from anthropic.types import ModelInfo

from server.conversation.models import ModelCard
from server.dialects.messages.models import anthropic_page, anthropic_row
from server.errors import InvalidRequest, ModelUnknown
from tests.server.dialects.messages.kit import assert_known
from tests.server.web.scene import FakeEngine, client, served

CARDS = (
    ModelCard("default", "claude-sonnet-5", "Default (recommended)"),
    ModelCard("opus", "claude-opus-5", "Opus 5", efforts=("low", "high"), context_length=1_000_000),
    ModelCard("sonnet", "claude-sonnet-5", "Sonnet 5", max_output_tokens=64_000),
    ModelCard("claude-haiku-5", "", "Haiku 5"),
)
IDS = ["claude-opus-5", "claude-sonnet-5", "claude-haiku-5"]
VERSION = {"anthropic-version": "2023-06-01"}


def page(**query: str) -> dict[str, Any]:
    return anthropic_page(CARDS, query)


def test_each_model_once_by_its_full_id() -> None:
    found = page()
    assert [row["id"] for row in found["data"]] == IDS
    assert (found["first_id"], found["last_id"], found["has_more"]) == (IDS[0], IDS[2], False)
    assert [row["display_name"] for row in found["data"]] == ["Opus 5", "Sonnet 5", "Haiku 5"]
    assert [row["max_input_tokens"] for row in found["data"]] == [1_000_000, 200_000, 200_000]
    assert [row["max_tokens"] for row in found["data"]] == [32_000, 64_000, 32_000]


def test_anthropics_type_knows_every_field_of_a_row() -> None:
    for row in page()["data"]:
        assert_known(row, ModelInfo.model_validate(row))
    efforts = page()["data"][0]["capabilities"]["effort"]
    assert {name: effort["supported"] for name, effort in efforts.items() if name != "supported"} == {
        "low": True,
        "medium": False,
        "high": True,
        "xhigh": False,
        "max": False,
    }


@pytest.mark.parametrize(
    ("query", "ids", "has_more"),
    [
        ({"limit": "2"}, IDS[:2], True),
        ({"limit": "2", "after_id": IDS[1]}, IDS[2:], False),
        ({"after_id": IDS[2]}, [], False),
        ({"after_id": "claude-none"}, [], False),
        ({"limit": "1", "before_id": IDS[2]}, IDS[1:2], True),
        ({"before_id": IDS[2]}, IDS[:2], False),
        ({"limit": "1000"}, IDS, False),
    ],
)
def test_pages(query: dict[str, str], ids: list[str], has_more: bool) -> None:
    found = page(**query)
    assert ([row["id"] for row in found["data"]], found["has_more"]) == (ids, has_more)
    assert (found["first_id"], found["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))


@pytest.mark.parametrize("limit", ["0", "-1", "x", "", "1001", "9" * 5000])
def test_a_wrong_limit_is_refused(limit: str) -> None:
    with pytest.raises(InvalidRequest, match="limit"):
        page(limit=limit)


def test_a_row_by_any_name_of_the_model() -> None:
    assert anthropic_row("claude-opus-5", CARDS, None)["display_name"] == "Opus 5"
    assert anthropic_row("sonnet", CARDS, CARDS[2])["id"] == "claude-sonnet-5"
    with pytest.raises(ModelUnknown):
        anthropic_row("gpt-9", CARDS, None)


async def test_the_version_header_chooses_the_form() -> None:
    async with client(served(FakeEngine())) as c:
        openai = (await c.get("/v1/models")).json()
        anthropic = (await c.get("/v1/models?limit=1", headers=VERSION)).json()
        row = (await c.get("/v1/models/opus", headers=VERSION)).json()
    assert openai["object"] == "list"
    assert ([found["type"] for found in anthropic["data"]], anthropic["has_more"]) == (["model"], True)
    assert row["id"] == "claude-opus-5"


@pytest.mark.parametrize("path", ["/v1/models?limit=x", "/v1/files", "/v1/skills", "/v1/messages/batches", "/nowhere"])
async def test_errors_of_shared_paths_have_anthropics_form_for_its_clients(path: str) -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.get(path, headers=VERSION)
    body = reply.json()
    assert reply.status_code == (400 if "limit" in path else 404)
    assert body["type"] == "error"
    assert body["error"]["type"] == ("invalid_request_error" if "limit" in path else "not_found_error")
    assert body["request_id"] == reply.headers["request-id"]
