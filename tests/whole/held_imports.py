"""The app on a computer whose disk is slow: `python -m tests.whole.held_imports`.

The server's libraries are imported only when the file that HELD_UNTIL names is there.
"""

import os
import sys
import time
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType

from tray.__main__ import main


class Held(MetaPathFinder):
    """Holds up the first import of the web's library, and finds nothing itself."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Waits; then the next finder is asked."""
        while name == "uvicorn" and not Path(os.environ["HELD_UNTIL"]).exists():
            time.sleep(0.02)


if __name__ == "__main__":
    sys.meta_path.insert(0, Held())
    main()
