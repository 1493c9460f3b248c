"""The setting `proxy`: what it takes, and what children get."""

import pytest

from server.config import Config, resolve
from server.errors import SettingsInvalid
from server.logs import redacted
from server.machine.network.outbound_proxy import bypasses_proxy, proxy_credentials, with_proxy
from server.runtime.child_environments import ChildEnvironments

PROXY = "http://me:secret@proxy.test:3128"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (PROXY, PROXY),
        (f" {PROXY}/ ", PROXY),
        ("https://proxy.test", "https://proxy.test"),
        ("proxy.test:3128", "http://proxy.test:3128"),
        ("http://[::1]:3128", "http://[::1]:3128"),
    ],
)
def test_an_address_is_a_proxy(given: str, meant: str) -> None:
    assert resolve(flags={}, environment={"DRAWBRIDGE_PROXY": given}, file={}).proxy == meant


@pytest.mark.parametrize(
    "given",
    [
        *(
            "socks5://me:secret@proxy:1",
            "http://me:secret@",
            "http://me:secret@proxy:0",
            "http://me:secret@proxy:99999",
        ),
        *(
            "http://me:secret@proxy/path",
            "http://me:secret@proxy?x",
            "http://me:sec#ret@proxy",
            "http://me:sec ret@proxy",
        ),
        *("http://me:secret@pröxy:1", 3128),
    ],
)
def test_anything_else_is_refused_without_showing_it(given: object) -> None:
    with pytest.raises(SettingsInvalid, match="'proxy' in the settings file takes an http or https address") as raised:
        resolve(flags={}, environment={}, file={"proxy": given})
    assert "secret" not in str(raised.value)
    assert "sec" not in str(raised.value).replace("second", "")


def test_the_settings_do_not_show_it() -> None:
    assert "secret" not in repr(Config(proxy=PROXY))
    assert "secret" not in redacted(f"connecting to {PROXY}")
    assert (
        redacted("see http://127.0.0.1:8082/v1 and me@example.org") == "see http://127.0.0.1:8082/v1 and me@example.org"
    )


def test_children_get_it_in_both_cases_instead_of_an_inherited_one_and_not_for_loopback() -> None:
    inherited = {"PATH": "/bin", "https_proxy": "http://old:1", "ALL_PROXY": "socks5://old:1", "no_proxy": "intra.test"}
    child = with_proxy(inherited, PROXY)
    exceptions = "intra.test,localhost,127.0.0.1,::1"
    assert child == {
        "PATH": "/bin",
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), PROXY),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), exceptions),
    }
    assert with_proxy(inherited, None) == inherited


def test_loopback_and_exceptions_bypass_it() -> None:
    assert bypasses_proxy("127.0.0.1", {})
    assert bypasses_proxy("::1", {})
    assert bypasses_proxy("a.intra.test", {"no_proxy": ".intra.test"})
    assert not bypasses_proxy("api.example.org", {"no_proxy": ".intra.test"})


def test_credentials_are_decoded() -> None:
    assert proxy_credentials("http://me:p%40ss@proxy") == "me:p@ss"
    assert proxy_credentials("http://me@proxy") == "me:"
    assert proxy_credentials("http://proxy") is None


class TestChildEnvironments:
    def test_every_child_gets_the_proxy_and_a_change_is_noticed_once(self) -> None:
        config = [Config()]
        children = ChildEnvironments({"PATH": "/bin"}, lambda: config[0])
        assert dict(children.answering()) == {"PATH": "/bin"}
        config[0] = Config(proxy=PROXY)
        assert children.update()
        assert not children.update()
        assert children.answering()["HTTPS_PROXY"] == children.signing_in()["HTTPS_PROXY"] == PROXY
        config[0] = Config()
        assert children.update()
        assert "HTTPS_PROXY" not in children.answering()

    def test_a_proxy_that_is_this_server_is_left_out_and_named(self) -> None:
        children = ChildEnvironments({"PATH": "/bin"}, lambda: Config(proxy="http://localhost:8082"))
        assert children.update(["127.0.0.1:8082"])
        assert children.own == ("The setting 'proxy'",)
        assert dict(children.answering()) == {"PATH": "/bin"}

    def test_an_inherited_proxy_stays_unless_it_is_this_server(self) -> None:
        children = ChildEnvironments({"https_proxy": "http://127.0.0.1:3128"}, Config)
        assert not children.update(["127.0.0.1:8082"])
        assert dict(children.answering()) == {"https_proxy": "http://127.0.0.1:3128"}
        assert children.update(["127.0.0.1:3128"])
        assert children.own == ("https_proxy",)
        assert dict(children.answering()) == {}

    def test_the_demo_uses_no_proxy(self) -> None:
        children = ChildEnvironments({"PATH": "/bin"}, lambda: Config(demo=True, proxy=PROXY))
        assert dict(children.answering()) == {"PATH": "/bin"}
