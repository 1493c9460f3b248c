"""`python -m tests.whole.held_imports`: the app on a computer with a slow disk.

It imports the server's libraries only when the file named by HELD_UNTIL exists.
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
    """Delays the first import of uvicorn."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Waits, and leaves the import to the next finder."""
        while name == "uvicorn" and not Path(os.environ["HELD_UNTIL"]).exists():
            time.sleep(0.02)


if __name__ == "__main__":
    sys.meta_path.insert(0, Held())
    main()
