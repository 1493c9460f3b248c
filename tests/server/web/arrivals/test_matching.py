"""Which client sent what, and what became of its attempts."""

from dataclasses import replace

import pytest

from server.connect.clients import CLIENTS, ClientName
from server.journal.apps import UNKNOWN
from server.keys.named_key import make_key
from server.keys.rights import ALL
from server.web.access.head import Head
from server.web.arrivals.arrival import HTTPS, Arrival, running_arrival
from server.web.arrivals.matching import is_of, last_seen, seen
from server.web.journaling import Entry

ANSWERED = Arrival(5.0, "Talon", method="POST", status=200, seconds=0.6)
LISTED = replace(ANSWERED, kind="list", at=4.0)
REFUSED = replace(ANSWERED, app="Python requests", status=401, error="KeyMissing", at=3.0)
OTHER = Arrival(2.0, "Zed", method="POST", status=200)


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_can_be_recognised(client: ClientName) -> None:
    assert is_of(client, Arrival(1.0, "", key=client.upper()))
    assert is_of(client, Arrival(1.0, "", error=HTTPS))
    assert not is_of(client, Arrival(1.0, "an unknown program"))


@pytest.mark.parametrize(
    ("app", "clients"),
    [
        ("Talon", {"talon"}),
        ("Python requests", {"talon"}),
        ("Cursor", {"cursor"}),
        ("curl", {"curl"}),
        ("OpenAI Python", {"openai-python", "aider", "langchain", "llamaindex", "litellm", "llm"}),
        ("Claude Code", {"claude-code"}),
    ],
)
def test_an_app_belongs_to_the_clients_that_are_built_on_it(app: str, clients: set[str]) -> None:
    assert {client for client in CLIENTS if is_of(client, Arrival(1.0, app))} == clients


def test_a_named_key_decides_before_the_apps_name() -> None:
    named = Arrival(1.0, "OpenAI Python", key="Open WebUI")
    assert is_of("open-webui", named)
    assert not is_of("aider", named)
    assert is_of("open-webui", replace(named, key="Open WebUI 2"))


def test_nothing_came() -> None:
    assert seen("talon", []).state == "waiting"
    assert seen("talon", [OTHER]).others == (OTHER,)


def test_what_was_wrong_is_told_until_a_later_request_is_answered() -> None:
    wrong = seen("talon", [REFUSED, OTHER])
    assert (wrong.state, wrong.found_at) == ("wrong", 3.0)
    assert wrong.finding is not None
    right = seen("talon", [ANSWERED, REFUSED])
    assert (right.state, right.last, right.finding) == ("seen", ANSWERED, None)
    again = seen("talon", [replace(REFUSED, at=9.0), ANSWERED])
    assert (again.state, again.last) == ("seen", ANSWERED)
    assert again.finding is not None


def test_a_list_alone_only_shows_that_the_address_is_right() -> None:
    assert seen("talon", [LISTED]).state == "reached"
    assert seen("talon", [REFUSED, LISTED]).state == "wrong"
    # The key is right by now; the path of what it asks is not.
    assert seen("talon", [LISTED, REFUSED]).state == "reached"
    assert seen("talon", [LISTED, replace(REFUSED, status=404, error="NotFound", sent="/v2/x")]).state == "wrong"
    assert seen("talon", [LISTED, ANSWERED]).last == ANSWERED


def test_a_card_tells_only_of_names_that_no_other_client_has() -> None:
    assert last_seen("talon", [ANSWERED]) == ANSWERED
    assert last_seen("aider", [replace(ANSWERED, app="OpenAI Python")]) is None


@pytest.mark.parametrize(
    ("arrival", "expected"),
    [
        (Arrival(1, UNKNOWN, listener="tunnel", key_sent="given", key="Tunnel"), True),
        (Arrival(1, UNKNOWN, listener="tunnel", key_sent="given", key="Tunnel 2"), True),
        (Arrival(1, "Node.js", listener="tunnel", key_sent="given"), True),
        (Arrival(1, UNKNOWN, listener="tunnel", key_sent="given", key="Phone"), False),
        (Arrival(1, UNKNOWN, listener="tunnel"), False),
        (Arrival(1, "Talon", listener="tunnel", key_sent="given", key="Tunnel"), False),
        (Arrival(1, UNKNOWN, key_sent="given", key="Tunnel"), False),
    ],
)
def test_through_the_tunnel_comes_cursor(arrival: Arrival, expected: bool) -> None:  # a table
    assert is_of("cursor", arrival) is expected


def test_a_running_request_through_the_tunnel_is_cursors() -> None:
    head = Head.read("POST", "/v1/chat/completions", [(b"user-agent", b"Go-http-client/2.0")])
    key, _ = make_key("Tunnel", ALL, now=0.0)
    for listener, expected in (("tunnel", True), ("local", False)):
        entry = Entry(head, listener, "req_1")
        entry.uses(key)
        assert is_of("cursor", running_arrival(entry)) is expected
