import sys
import tomllib
from pathlib import Path

from server.embeddings.install import PACKAGE, install_hint, is_installed

ROOT = Path(__file__).resolve().parents[3]


def test_the_extra_pins_the_package_that_the_hint_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["optional-dependencies"]["embeddings"] == [PACKAGE]
    assert is_installed()


def test_the_hint_fits_the_installation(tmp_path: Path) -> None:
    assert "'uv run --no-dev --extra embeddings drawbridge'" in install_hint()
    wheel = install_hint(root=tmp_path)
    assert sys.executable in wheel
    assert f"{PACKAGE}'" in wheel
    assert "contains it" in install_hint(is_frozen=True)
    assert all("embeddings_url" in hint for hint in (install_hint(), wheel, install_hint(is_frozen=True)))
