"""Which hosts, proxies and pages of other sites a policy lets in."""

import pytest

from server.config import Config
from server.errors import AccessDenied, KeyRefused
from server.web.access.head import Head
from server.web.access.policy import allowed_origin, authorize, policy_for
from tests.server.web.access.heads import HERE, KEYED, LAN, LOCAL, head, posted


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


def test_a_target_that_is_a_whole_url_is_the_path_below_its_host() -> None:
    requested = head(path="http://127.0.0.1:8082/v1/models", host="127.0.0.1:8082")
    assert requested.path == "/v1/models"
    authorize(requested, LOCAL)
    assert head(path="HTTP://localhost").path == "/"
    # Its host counts, as it does for every HTTP server.
    with pytest.raises(AccessDenied, match="evil"):
        authorize(head(path="http://evil.example/v1/models", host="127.0.0.1:8082"), LOCAL)
