import pytest

from server.machine.network.own_address import own_variables, without_own_address

ADDRESSES = ("127.0.0.1:8082", "[::1]:8082", "192.168.1.20:8082")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:8082"),
        ("ANTHROPIC_BASE_URL", "http://localhost:8082/v1/"),
        ("ANTHROPIC_BASE_URL", "http://LOCALHOST.:8082"),
        ("ANTHROPIC_BASE_URL", "http://[::1]:8082/"),
        ("ANTHROPIC_BASE_URL", "http://0.0.0.0:8082"),
        ("ANTHROPIC_BASE_URL", "http://192.168.1.20:8082/v1"),
        ("ANTHROPIC_BASE_URL", "http://user:secret@127.0.0.1:8082"),
        ("HTTPS_PROXY", "http://127.0.0.1:8082"),
        ("https_proxy", "127.0.0.1:8082"),
        ("http_proxy", "http://host.docker.internal:8082"),
        ("all_proxy", "socks5://127.0.0.1:8082"),
    ],
)
def test_an_address_that_leads_back_to_us_is_found(name: str, value: str) -> None:
    assert own_variables({name: value, "PATH": "/bin"}, ADDRESSES) == (name,)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:8083"),
        ("ANTHROPIC_BASE_URL", "http://192.168.1.21:8082"),
        ("ANTHROPIC_BASE_URL", "https://gateway.example/v1"),
        ("ANTHROPIC_BASE_URL", ""),
        ("ANTHROPIC_BASE_URL", "http://[::1"),
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:port"),
        ("HTTPS_PROXY", "http://proxy.example:8082"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:8082/v1"),
    ],
)
def test_another_address_stays(name: str, value: str) -> None:
    assert own_variables({name: value}, ADDRESSES) == ()


def test_a_default_port_and_a_listener_on_all_addresses() -> None:
    assert own_variables({"ANTHROPIC_BASE_URL": "http://localhost"}, ("127.0.0.1:80",))
    assert own_variables({"ANTHROPIC_BASE_URL": "http://localhost:9000"}, ("0.0.0.0:9000",))
    assert own_variables({"ANTHROPIC_BASE_URL": "http://localhost:9000"}, ()) == ()


def test_the_credential_for_the_base_url_is_left_out_with_it() -> None:
    environ = {"ANTHROPIC_BASE_URL": "x", "ANTHROPIC_AUTH_TOKEN": "ours", "ANTHROPIC_API_KEY": "key", "A": "b"}
    assert without_own_address(environ, ("ANTHROPIC_BASE_URL",)) == {"ANTHROPIC_API_KEY": "key", "A": "b"}
    assert without_own_address(environ, ("HTTPS_PROXY",)) == environ
