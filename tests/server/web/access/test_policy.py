import pytest

from server.config import Config, resolve
from server.errors import AccessDenied, BodyAmbiguous, BodyNotJson, BodyTooLarge, DrawbridgeError, KeyNeeded, KeyRefused
from server.web.access.policy import AccessPolicy, Head, allowed_origin, authorize, policy_for

LOCAL = AccessPolicy()
KEYED = AccessPolicy(key="gate-key")
LAN = AccessPolicy("lan", key="gate-key")
HERE = "127.0.0.1:8082"


def head(method: str = "GET", path: str = "/v1/models", host: str | None = HERE, **headers: str) -> Head:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if host is not None:
        named["host"] = host
    return Head.read(method, path, [(name.encode(), value.encode("latin-1")) for name, value in named.items()])


def posted(path: str = "/v1/chat/completions", **headers: str) -> Head:
    return head("POST", path, **{"content_type": "application/json", "content_length": "2", **headers})


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", HERE, "127.8.9.1:1", "localhost", "LOCALHOST:8082", "localhost.:8082", "[::1]", "[::1]:8082"],
)
def test_a_loopback_host_is_allowed(host: str) -> None:
    assert authorize(head(host=host), LOCAL).is_trusted


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "evil.example:8082",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "0.0.0.0:8082",
        "192.168.1.7:8082",
        "127.1",
        "2130706433",
        "[::2]:8082",
        "::1",
        "127.0.0.1:80:80",
        "127.0.0.1:",
        "user@127.0.0.1",
        "127.0.0.1, evil.example",
        "host.docker.internal:8082",
    ],
)
def test_any_other_host_is_denied_against_dns_rebinding(host: str | None) -> None:
    with pytest.raises(AccessDenied, match="host name"):
        authorize(head(host=host), LOCAL)


def test_two_host_headers_are_denied() -> None:
    twice = Head.read("GET", "/", [(b"host", b"127.0.0.1"), (b"Host", b"127.0.0.1")])
    with pytest.raises(AccessDenied, match="host name"):
        authorize(twice, LOCAL)


def test_docker_desktops_host_name_is_allowed_where_the_lan_listener_is_open() -> None:
    given = {"host": "host.docker.internal:8082", "authorization": "Bearer k"}
    open_policy = policy_for(Config(reach="lan", api_key="k"))
    authorize(head(**given), open_policy)
    with pytest.raises(KeyRefused):
        authorize(head("POST", "/v1/chat/completions", host="host.docker.internal:8082"), open_policy)
    with pytest.raises(AccessDenied, match="host name"):
        authorize(head(**given), policy_for(Config(api_key="k")))


def test_only_hosts_from_the_settings_are_allowed_besides_loopback() -> None:
    policy = policy_for(Config(allowed_hosts=("Bridge.Lan",)))
    authorize(head(host="bridge.lan:8082"), policy)
    with pytest.raises(AccessDenied):
        authorize(head(host="other.lan:8082"), policy)


@pytest.mark.parametrize("host", ["192.168.1.7:8082", "[fe80::1]:8082", "host.docker.internal:8082", HERE])
def test_the_lan_listener_allows_any_ip_address_and_docker_desktops_host_name(host: str) -> None:
    policy = policy_for(Config(api_key="gate-key"), "lan")
    authorize(head(host=host, authorization="Bearer gate-key"), policy)


@pytest.mark.parametrize("host", ["evil.example:8082", "0.0.0.0:8082", "[::]:8082"])
def test_the_lan_listener_denies_other_names_and_missing_hosts(host: str) -> None:
    with pytest.raises(AccessDenied, match="host name"):
        authorize(head(host=host, authorization="Bearer gate-key"), LAN)


@pytest.mark.parametrize(
    "name",
    ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "Via", "X-Real-IP", "CF-Connecting-IP"],
)
def test_forwarding_headers_are_denied_on_the_local_listener_only(name: str) -> None:
    with pytest.raises(AccessDenied, match="through a proxy"):
        authorize(head(**{name: "1.2.3.4"}), KEYED)
    authorize(head(host="10.0.0.2", authorization="Bearer gate-key", **{name: "1.2.3.4"}), LAN)


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "http://localhost:3000",
        "https://localhost:3000",
        "http://127.0.0.1:5173",
        "http://[::1]:5173",
        "vscode-file://vscode-app",
        "app://obsidian.md",
        "app://localhost",
        "tauri://localhost",
        "http://tauri.localhost",
        "https://tauri.localhost:1420",
        "vscode-webview://1a2b3c",
        "capacitor://localhost",
        "ionic://localhost",
        "wails://wails",
        "file://",
        "https://chat.example.org",
    ],
)
def test_a_known_origin_is_allowed_and_may_read_the_response(origin: str) -> None:
    policy = policy_for(Config(allowed_origins=("https://chat.example.org/",)))
    requested = posted(origin=origin, sec_fetch_site="cross-site")
    authorize(requested, policy)
    assert allowed_origin(requested, policy) == origin


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "*",
        "https://evil.example",
        "http://localhost.evil.example",
        "http://localhost@evil.example",
        "http://127.0.0.1.evil.example",
        "http://evil.example:8082",
        "chrome-extension://tauri",
        "moz-extension://abc",
        "https://tauri.localhost.evil.example",
        "https://eviltauri",
        "https://xlocalhost",
        "ipfs://tauri",
        "tauri:localhost",
        "tauri://localhost/path",
        "data://x",
        "chrome-extension://abc",
        "ftp://localhost",
        "http://localhost/path",
        "https://chat.example.org:444",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_an_unknown_origin_is_denied_for_every_method(origin: str, method: str) -> None:
    policy = policy_for(Config(allowed_origins=("https://chat.example.org", "null", "*")))
    with pytest.raises(AccessDenied, match="Web pages of"):
        authorize(head(method, origin=origin), policy)
    assert allowed_origin(head(method, origin=origin), policy) is None


def test_our_own_page_under_an_allowed_host_may_call_the_server() -> None:
    policy = policy_for(Config(allowed_hosts=("bridge.lan",)))
    assert authorize(posted(host="bridge.lan:8082", origin="http://bridge.lan:8082"), policy).is_own
    with pytest.raises(AccessDenied):
        authorize(posted(host="evil.example:8082", origin="http://evil.example:8082"), policy)


@pytest.mark.parametrize(
    ("site", "host", "is_allowed"),
    [
        ("none", HERE, True),
        ("same-origin", HERE, True),
        ("same-site", HERE, True),
        ("cross-site", HERE, False),
        ("something-new", HERE, False),
        ("same-site", "10.0.0.2:8082", False),
        ("same-origin", "10.0.0.2:8082", True),
    ],
)
def test_a_fetch_by_a_page_of_another_site_is_denied(site: str, host: str, is_allowed: bool) -> None:
    requested = head(host=host, sec_fetch_site=site, x_api_key="gate-key")
    if is_allowed:
        authorize(requested, LAN)
    else:
        with pytest.raises(AccessDenied, match="page of another website"):
            authorize(requested, LAN)


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
    with pytest.raises(AccessDenied, match="own page"):
        authorize(posted("/control/stop", **headers), LOCAL)
    assert authorize(posted("/control/stop", origin=f"http://{HERE}", sec_fetch_site="same-origin"), LOCAL).is_own


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json", "application/json;"]
)
def test_json_content_types_are_accepted(kind: str) -> None:
    authorize(posted(content_type=kind), LOCAL)


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "text/json",
        "application/jsonx",
        "",
    ],
)
def test_a_body_with_another_content_type_is_refused(kind: str) -> None:
    with pytest.raises(BodyNotJson):
        authorize(posted(content_type=kind), LOCAL)
    chunked = head("PUT", transfer_encoding="chunked", content_type=kind)
    with pytest.raises(BodyNotJson):
        authorize(chunked, LOCAL)


def test_a_request_without_a_body_needs_no_content_type() -> None:
    authorize(head("POST", content_length="0"), LOCAL)
    authorize(head("POST"), LOCAL)
    authorize(head("DELETE"), LOCAL)


def test_an_upload_to_an_unbuilt_endpoint_passes_so_that_it_gets_its_error() -> None:
    authorize(posted("/v1/audio/transcriptions", content_type="multipart/form-data; boundary=x"), LOCAL)


@pytest.mark.parametrize("length", ["1001", "99999999999999999999999999", "-1", "1e3", "\xb2"])
def test_a_content_length_over_the_limit_is_refused(length: str) -> None:
    with pytest.raises(BodyTooLarge):
        authorize(posted(content_length=length), AccessPolicy(body_limit=1000))


def test_a_body_of_exactly_the_limit_is_accepted() -> None:
    authorize(posted(content_length="1000"), AccessPolicy(body_limit=1000))


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
        "AccessDenied:",
        "AccessDenied:",
        "OriginRefused:",
        "KeyRefused:",
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


def test_a_target_that_is_a_whole_url_is_the_path_below_its_host() -> None:
    requested = head(path="http://127.0.0.1:8082/v1/models", host="127.0.0.1:8082")
    assert requested.path == "/v1/models"
    authorize(requested, LOCAL)
    assert head(path="HTTP://localhost").path == "/"
    # Its host counts, as it does for every HTTP server.
    with pytest.raises(AccessDenied, match="evil"):
        authorize(head(path="http://evil.example/v1/models", host="127.0.0.1:8082"), LOCAL)


def test_a_body_of_two_lengths_is_refused() -> None:
    with pytest.raises(BodyAmbiguous):
        authorize(posted(content_length="5", transfer_encoding="chunked"), LOCAL)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "deflate", "identity", ""])
def test_a_known_content_encoding_is_taken(encoding: str) -> None:
    authorize(posted(content_length="5", content_encoding=encoding), LOCAL)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_an_unknown_content_encoding_is_named(encoding: str) -> None:
    with pytest.raises(BodyNotJson, match=encoding):
        authorize(posted(content_length="5", content_encoding=encoding), LOCAL)


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
