"""The manual's page for each client. `python -m tests.server.connect.pages` rewrites the files."""

from collections.abc import Iterator
from pathlib import Path

from server.connect.clients import CLIENTS
from server.connect.instructions import Setup, instructions_for

PAGES = Path(__file__).resolve().parents[3] / "assets" / "manual" / "clients"
DEFAULTS = Setup("http://127.0.0.1:8082/v1", "sonnet", is_windows=False)


def client_pages() -> Iterator[tuple[Path, str]]:
    """Each page's file and its content: what `drawbridge connect` prints for a server with the default settings."""
    for client in CLIENTS:
        yield PAGES / f"{client}.md", instructions_for(client, DEFAULTS).text


if __name__ == "__main__":
    for path, text in client_pages():
        path.write_text(text, encoding="utf-8", newline="\n")
