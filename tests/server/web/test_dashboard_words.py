"""The words of the dashboard for what the server names."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DASHBOARD = ROOT / "assets" / "web" / "dashboard"
MANUAL = ROOT / "assets" / "manual"


def _table(text: str, name: str) -> set[str]:
    """The keys of the object `name` in a module."""
    found = re.search(rf"^const {name} = \{{(.*?)\}};", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return {quoted or plain for quoted, plain in re.findall(r'(?:^|[{,\n])\s*(?:"([\w ]+)"|(\w+)):', found[1])}


@pytest.fixture(scope="module")
def inspector() -> str:
    return (DASHBOARD / "requests" / "inspector.js").read_text()


def test_every_way_has_words(inspector: str) -> None:
    """The ways are those of the manual's tables, and two without a process of Claude Code."""
    rows = re.compile(r"^\| `([a-z ]+)` \|", re.MULTILINE)
    workers = (MANUAL / "workers.md").read_text()
    agents = (MANUAL / "agents.md").read_text()
    ways = {*rows.findall(workers), *(way for way in rows.findall(agents) if way.startswith("agent"))}
    assert _table(inspector, "WAYS") == {*ways, "local", "endpoint"}


def test_every_listener_has_words(inspector: str) -> None:
    assert _table(inspector, "LISTENERS") == {"local", "lan", "ollama", "tunnel"}


def test_nothing_that_a_module_exports_is_unused() -> None:
    texts = {path: path.read_text() for path in DASHBOARD.rglob("*.js")}
    unused = []
    for path, text in texts.items():
        for name in re.findall(r"^export (?:async )?(?:function|const|class) (\w+)", text, re.MULTILINE):
            uses = sum(len(re.findall(rf"\b{name}\b", other)) for other in texts.values())
            if uses < 2:
                unused.append(f"{path.name}: {name}")
    assert unused == []
