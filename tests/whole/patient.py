"""`python -m tests.whole.patient`: the app, with a grace period of a minute for running answers."""

from tray.__main__ import main
from tray.control import controller
from tray.control.settings import settings_changes as changes

if __name__ == "__main__":
    changes.GRACE_S = 60.0  # type: ignore[attr-defined] # its own name for it
    controller.GRACE_S = 60.0  # type: ignore[attr-defined] # its own name for it
    main()
