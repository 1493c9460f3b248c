"""Requests for embeddings through a proxy on loopback."""

import asyncio
import datetime as dt
import json
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from server.config import Config
from server.embeddings.endpoint import Endpoint
from server.errors import EndpointFailed
from tests.forward_proxy import open_forward_proxy
from tests.server.embeddings.other_server import ONE, other_server

HOST = "vectors.test"
BODY = json.dumps({"model": "m", "input": "x"}).encode()


def endpoint(url: str, proxy: str | None) -> Endpoint:
    config = Config(embeddings_url=url, embeddings_key="sk-1", timeout_s=20, proxy=proxy)
    return Endpoint(lambda: config, lambda: None)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the certificate of HOST and its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path_factory.mktemp("tls") / "host.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


async def test_a_request_to_http_is_sent_to_the_proxy_with_its_password() -> None:
    async with other_server() as other:
        port = urlsplit(other.url).port or 0
        async with open_forward_proxy({HOST: port}) as proxy:
            back = await endpoint(f"http://{HOST}/v1", f"http://me:p%40ss@127.0.0.1:{proxy.port}").pass_on(
                BODY, is_passed_on=False
            )
        assert json.loads(back.body) == ONE
        assert proxy.lines == [f"POST http://{HOST}/v1/embeddings HTTP/1.1"]
        assert proxy.credentials == ["Basic bWU6cEBzcw=="]
        assert b"proxy-authorization" not in other.heads[0].lower()


async def test_a_request_to_https_goes_through_a_tunnel_that_does_not_see_the_key(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with other_server() as other:
        server = await asyncio.start_server(other._serve, "127.0.0.1", 0, ssl=own)
        port = server.sockets[0].getsockname()[1]
        async with server, open_forward_proxy({HOST: port}) as proxy:
            passes = endpoint(f"https://{HOST}/v1", f"http://127.0.0.1:{proxy.port}")
            back = await passes.pass_on(BODY, is_passed_on=False)
        assert json.loads(back.body) == ONE
        assert proxy.lines == [f"CONNECT {HOST}:443 HTTP/1.1"]
        assert b"Bearer sk-1" in other.heads[0]


async def test_a_proxy_that_refuses_is_named_without_its_password() -> None:
    async with open_forward_proxy({}) as proxy:
        passes = endpoint("https://unknown.test/v1", f"http://me:secret@127.0.0.1:{proxy.port}")
        with pytest.raises(EndpointFailed, match=r"proxy 127\.0\.0\.1 refused the connection: 502") as raised:
            await passes.pass_on(BODY, is_passed_on=False)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("excepted", ["", "127.0.0.1"])
async def test_this_computer_and_exceptions_need_no_proxy(excepted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", excepted)
    async with other_server() as other, open_forward_proxy({}) as proxy:
        back = await endpoint(other.url, f"http://127.0.0.1:{proxy.port}").pass_on(BODY, is_passed_on=False)
    assert back.status == 200
    assert proxy.lines == []
