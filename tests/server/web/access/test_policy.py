"""Which requests a policy lets in by their key, path and user."""

from dataclasses import replace
from typing import ClassVar

import pytest

from server.config import Config, resolve
from server.errors import AccessDenied, AccessError, DrawbridgeError, KeyNeeded, KeyRefused
from server.web.access.policy import AccessPolicy, authorize, policy_for
from tests.server.web.access.heads import HERE, KEYED, LAN, LOCAL, head, posted


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer gate-key"},
        {"authorization": "bearer   gate-key "},
        {"x_api_key": "gate-key"},
        {"api_key": "gate-key"},
        {"authorization": "Bearer DUMMY_KEY", "api_key": "gate-key"},
        {"authorization": "Bearer gate-key", "x_api_key": "wrong"},
    ],
)
def test_the_key_is_accepted_in_three_headers_and_one_right_one_suffices(headers: dict[str, str]) -> None:
    assert authorize(posted(**headers), KEYED).is_trusted


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "requires an access key"),
        ({"authorization": "Bearer wrong"}, "is wrong"),
        ({"authorization": "gate-key"}, "is wrong"),
        ({"authorization": "Basic gate-key"}, "is wrong"),
        ({"x_api_key": ""}, "is wrong"),
        ({"api_key": "gate-key2"}, "is wrong"),
        ({"authorization": "Bearer g\xe4te"}, "is wrong"),
    ],
)
def test_without_the_right_key_a_request_is_denied(headers: dict[str, str], message: str) -> None:
    with pytest.raises(KeyRefused, match=message):
        authorize(posted(**headers), KEYED)


def test_a_key_with_non_ascii_characters_works() -> None:
    sent = "schlüssel".encode().decode("latin-1")
    assert authorize(posted(authorization=f"Bearer {sent}"), AccessPolicy(key="schlüssel")).is_trusted


def test_without_a_configured_key_any_key_is_accepted() -> None:
    assert authorize(posted(authorization="Bearer DUMMY_KEY"), LOCAL).is_trusted


@pytest.mark.parametrize(
    "path", ["/", "/health", "/docs", "/manual", "/manual/api", "/openapi.json", "/assets/page.css"]
)
def test_public_paths_are_readable_without_the_key_but_not_trusted(path: str) -> None:
    assert not authorize(head(path=path), KEYED).is_trusted
    assert authorize(head(path=path, api_key="gate-key"), KEYED).is_trusted


@pytest.mark.parametrize("path", ["/v1/models", "/v1/auth/status", "/version", "/nowhere", "/healthx"])
def test_every_other_path_needs_the_key(path: str) -> None:
    with pytest.raises(KeyRefused):
        authorize(head(path=path), KEYED)
    with pytest.raises(KeyRefused):
        authorize(posted("/health"), KEYED)


def test_a_preflight_needs_no_key() -> None:
    authorize(head("OPTIONS", origin="http://localhost:3000"), KEYED)


@pytest.mark.parametrize(
    "headers", [{"origin": "http://localhost:3000"}, {"sec_fetch_site": "same-site"}, {"origin": "app://obsidian.md"}]
)
def test_only_our_own_page_may_call_the_control_routes(headers: dict[str, str]) -> None:
    with pytest.raises(AccessDenied, match="own dashboard"):
        authorize(posted("/control/stop", **headers), LOCAL)
    assert authorize(posted("/control/stop", origin=f"http://{HERE}", sec_fetch_site="same-origin"), LOCAL).is_own


def test_the_checks_run_in_their_documented_order() -> None:
    wrong: dict[str, str] = {
        "x_forwarded_for": "1.2.3.4",
        "origin": "null",
        "content_type": "text/plain",
        "content_length": "9999",
    }
    policy = AccessPolicy(key="gate-key", body_limit=10)
    text: list[str] = []
    for better in (
        {"host": HERE},
        {"x_forwarded_for": None},
        {"origin": None},
        {"api_key": "gate-key"},
        {"content_length": "2"},
        {"content_type": "application/json"},
    ):
        given: dict[str, str] = {"host": "evil.example", **wrong}
        with pytest.raises(DrawbridgeError) as caught:
            authorize(head("POST", **given), policy)
        text.append(type(caught.value).__name__ + ": " + caught.value.message)
        for name, value in better.items():
            wrong.pop(name, None)
            if value is not None:
                wrong[name] = value
    assert [words.partition(" ")[0] for words in text] == [
        "HostRefused:",
        "ProxyRefused:",
        "OriginRefused:",
        "KeyMissing:",
        "BodyTooLarge:",
        "BodyNotJson:",
    ]
    authorize(head("POST", **wrong), policy)


def test_the_lan_listener_leaves_the_local_one_as_it_was() -> None:
    before, opened = policy_for(Config()), policy_for(Config(reach="lan", api_key="k"))
    assert authorize(head(path="/v1/models"), opened).is_trusted
    assert authorize(head(path="/v1/models"), opened).owner == authorize(head(path="/v1/models"), before).owner
    given = resolve(flags={"api_key": "k", "reach": "lan"}, environment={}, file={})
    for config in (Config(reach="lan", api_key="k", require_key=True), given, Config(api_key="k")):
        with pytest.raises(KeyRefused):
            authorize(head(path="/v1/models"), policy_for(config))


def test_a_lan_policy_needs_a_key() -> None:
    with pytest.raises(KeyNeeded):
        policy_for(Config(), "lan")
    with pytest.raises(KeyNeeded):
        AccessPolicy("lan", key="")


def test_owners_differ_by_listener_and_key_and_do_not_contain_the_key() -> None:
    policies = [LOCAL, KEYED, LAN, AccessPolicy(key="other")]
    assert len({policy.owner for policy in policies}) == 4
    assert KEYED.owner == AccessPolicy(key="gate-key").owner
    assert "gate-key" not in KEYED.owner + repr(KEYED)


def test_the_policy_follows_the_settings() -> None:
    policy = policy_for(Config(api_key="gate-key", body_limit_mb=0.5, allowed_origins=("https://A.example/",)))
    assert policy == AccessPolicy("local", "gate-key", frozenset(), frozenset({"https://a.example"}), 500_000)


class TestAnotherUserOfThisComputer:
    """Loopback alone is no wall: every account of the computer can connect."""

    def test_needs_the_key_although_none_is_required(self) -> None:
        with pytest.raises(KeyRefused, match="Another user of this computer") as refused:
            authorize(posted(), LOCAL, lambda: True)
        assert "DRAWBRIDGE_API_KEY" in refused.value.hint
        assert authorize(posted(), LOCAL, lambda: False).is_trusted

    def test_is_trusted_with_the_key(self) -> None:
        assert authorize(posted(x_api_key="gate-key"), KEYED, lambda: True).is_trusted

    def test_needs_the_key_also_where_it_is_optional_on_this_computer(self) -> None:
        policy = AccessPolicy(key="gate-key", is_key_optional=True)
        assert authorize(posted(), policy, lambda: False).is_trusted
        with pytest.raises(KeyRefused, match="Another user"):
            authorize(posted(), policy, lambda: True)
        assert authorize(posted(x_api_key="gate-key"), policy, lambda: True).is_trusted

    def test_sees_the_short_page_only(self) -> None:
        assert not authorize(head(path="/"), LOCAL, lambda: True).is_trusted

    def test_has_no_controls(self) -> None:
        for policy in (LOCAL, KEYED):
            with pytest.raises(AccessDenied, match="Only the user who runs"):
                authorize(posted("/control/stop"), policy, lambda: True)

    def test_is_looked_for_only_where_that_decides(self) -> None:
        def fail() -> bool:
            raise AssertionError

        assert authorize(posted(x_api_key="gate-key"), KEYED, fail).is_trusted
        with pytest.raises(KeyRefused, match="requires an access key"):
            authorize(posted(), KEYED, fail)


class TestThePagesToken:
    OWN: ClassVar = {"origin": f"http://{HERE}", "sec_fetch_site": "same-origin", "x_drawbridge_token": "page-token"}
    PAGED = replace(KEYED, page_token="page-token")

    @pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions"])
    def test_our_own_page_asks_models_without_the_key(self, path: str) -> None:
        assert authorize(posted(path, **self.OWN), self.PAGED).is_trusted
        assert authorize(head(**self.OWN), self.PAGED).is_trusted

    @pytest.mark.parametrize(
        "changes",
        [
            {"x_drawbridge_token": "guess"},
            {"x_drawbridge_token": ""},
            {"x_drawbridge_token": "\u00e4"},
            # What another page of this computer, an app and a program send.
            {"origin": "http://localhost:3000", "sec_fetch_site": "same-site"},
            {"origin": "http://localhost:3000", "sec_fetch_site": "same-origin"},
            {"origin": "app://obsidian.md", "sec_fetch_site": "cross-site"},
            {"sec_fetch_site": "none"},
            {"sec_fetch_site": None},
        ],
    )
    def test_no_other_sender_may_use_it(self, changes: dict[str, str | None]) -> None:
        headers = {name: value for name, value in {**self.OWN, **changes}.items() if value is not None}
        with pytest.raises(AccessError):
            authorize(posted(**headers), self.PAGED)

    def test_it_is_of_no_use_elsewhere(self) -> None:
        for policy in (KEYED, replace(LAN, page_token="page-token")):
            with pytest.raises(KeyRefused):
                authorize(posted(**self.OWN), policy)
        with pytest.raises(KeyRefused):
            authorize(posted("/api/chat", **self.OWN), self.PAGED)
