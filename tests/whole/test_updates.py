"""Update checks of the real app, through a proxy that plays the releases feed."""

import ipaddress
import json
import re
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.tray.trayhost import TrayHost
from tests.whole.desktop import open_app

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have trays of their own")
FEED = "api.github.com"
RELEASES = [{"tag_name": "v99.1", "draft": False, "prerelease": False}, {"tag_name": "v100.0", "draft": True}]


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for the feed's name, its own root, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, FEED)])
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = [x509.DNSName(FEED), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "feed.pem", folder / "feed.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


class Proxy:
    """An HTTPS proxy that reaches only the feed; records hosts and requests."""

    def __init__(self, folder: Path) -> None:
        self.certificate, key = make_certificate(folder)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate, key)
        self.asked: list[str] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def questions(self) -> list[str]:
        """The requests to the feed, without those of Claude Code."""
        return [line for line in self.asked if FEED in line or line.startswith("GET")]

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            connection.settimeout(10)
            with connection, suppress(OSError):
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        line = self._head(connection)
        if not line.startswith(f"CONNECT {FEED}:443 "):
            connection.sendall(b"HTTP/1.1 502 Nowhere\r\n\r\n")
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with self._context.wrap_socket(connection, server_side=True) as secure:
            self._head(secure)
            body = json.dumps(RELEASES).encode()
            secure.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

    def _head(self, connection: socket.socket) -> str:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (more := connection.recv(4096)):
                return ""
            head += more
        line = head.decode().splitlines()[0]
        self.asked.append(line)
        return line


def fork(folder: Path) -> Path:
    """A folder whose package metadata names a repository, as a fork's would."""
    about = folder / "drawbridge_tray-1.0.dist-info"
    about.mkdir(parents=True)
    url = "Project-URL: Repository, https://github.com/some/bridge"
    (about / "METADATA").write_text(f"Metadata-Version: 2.3\nName: drawbridge-tray\nVersion: 1.0\n{url}\n")
    return folder


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    proxy = Proxy(tmp_path)
    yield proxy
    proxy.close()


def test_a_newer_version_is_shown_only_if_the_user_wants_checks(
    tmp_path: Path, bus: str, host: TrayHost, proxy: Proxy
) -> None:
    environment = {
        "HTTPS_PROXY": proxy.url,
        "SSL_CERT_FILE": str(proxy.certificate),
        "PYTHONPATH": str(fork(tmp_path / "fork")),
    }
    with open_app(tmp_path, bus, host, environment=environment) as app:
        app.until("Running")
        settings = tmp_path / "home" / ".config" / "drawbridge" / "settings.toml"
        settings.parent.mkdir(parents=True, exist_ok=True)
        # Two looks of the app at its standin_environment, in which it would have asked.
        for size in (1, 2):
            settings.write_text(f"pool_size = {size}\n")
            app.until(f"(o) {size}\n")
        assert proxy.questions == []
        assert "is available" not in app.item.menu().text()
        app.item.click("About", "Check for updates once a day")
        menu = app.until("Version 99.1 is available...")
        assert "[x] Check for updates once a day" in menu
        assert "check_updates = true" in app.settings
        feed = [line for line in proxy.questions if line.startswith("GET")]
        assert len(feed) == 1
        assert re.fullmatch(r"GET /repos/[\w-]+/[\w-]+/releases\?per_page=10 HTTP/1.1", feed[0])
        app.item.click("About", "Check for updates once a day")
        app.item.wait_menu(lambda menu: "is available" not in menu.text())
        assert app.quit() == 0
    # The option works as the menu does; the known version is not requested again.
    with open_app(tmp_path, bus, host, "--check-updates", environment=environment) as app:
        app.until("Version 99.1 is available...", "Check for updates: yes (set by --check-updates)")
        assert len(proxy.questions) == 2
        assert app.chat().status_code == 200
