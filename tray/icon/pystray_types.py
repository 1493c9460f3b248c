"""pystray's icon and menu with the types that we rely on, imported without opening a display."""

import os
from collections.abc import Callable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, Any

from PIL import Image

__all__ = ["BaseIcon", "Draw", "Job", "Menu", "MenuItem", "Panel"]

Job = Callable[[], object]


class Panel(Enum):
    """The background of the icon; UNKNOWN: the icon must be seen on any.

    TEMPLATE: the system paints the icon's shape in its own colours.
    """

    LIGHT = "light"
    DARK = "dark"
    UNKNOWN = "unknown"
    TEMPLATE = "template"


# Draws the icon as a square of this many pixels. Each system requests the sizes that it shows; nothing is scaled.
Draw = Callable[[int, Panel], Image.Image]

if TYPE_CHECKING:

    class MenuItem:
        """`pystray.MenuItem`, whose attributes are read each time the menu is drawn."""

        def __init__(
            self,
            text: str,
            action: "Callable[..., object] | Menu | None",
            checked: Callable[["MenuItem"], bool] | None = None,
            radio: bool = False,  # noqa: FBT001, FBT002 # pystray's
            default: bool = False,  # noqa: FBT001, FBT002
            visible: bool = True,  # noqa: FBT001, FBT002
            enabled: bool = True,  # noqa: FBT001, FBT002
        ) -> None: ...
        @property
        def text(self) -> str: ...  # noqa: D102
        @property
        def checked(self) -> bool | None: ...  # noqa: D102
        @property
        def radio(self) -> bool: ...  # noqa: D102
        @property
        def default(self) -> bool: ...  # noqa: D102
        @property
        def enabled(self) -> bool: ...  # noqa: D102
        @property
        def submenu(self) -> "Menu | None": ...  # noqa: D102
        @property
        def _action(self) -> object: ...
        def __call__(self, icon: "BaseIcon") -> object: ...  # noqa: D102

    class Menu:
        """`pystray.Menu`: from items or a callable that returns them. Iteration skips hidden items."""

        SEPARATOR: MenuItem

        def __init__(self, *items: MenuItem | Callable[[], tuple[MenuItem, ...]]) -> None: ...
        def __iter__(self) -> Iterator[MenuItem]: ...

    class BaseIcon:
        """`pystray.Icon` without a backend; each backend overrides the methods with an underscore."""

        name: str
        icon: Any  # an image in pystray, a `Draw` here
        title: str
        menu: Menu | None
        visible: bool
        _visible: bool
        _icon_valid: bool
        _running: bool

        def __init__(self, name: str, icon: Any, title: str, menu: Menu) -> None: ...
        def __call__(self) -> None: ...  # noqa: D102
        def run(self, setup: Callable[["BaseIcon"], object] | None = None) -> None: ...  # noqa: D102
        def stop(self) -> None: ...  # noqa: D102
        def update_menu(self) -> None: ...  # noqa: D102
        def notify(self, message: str, title: str | None = None) -> None: ...  # noqa: D102
        def _mark_ready(self) -> None: ...
        def _handler(self, callback: MenuItem) -> Callable[..., None]: ...

else:
    # pystray selects a backend on import, which on Linux opens a display or fails. We choose backends ourselves.
    _chosen = os.environ.get("PYSTRAY_BACKEND")
    os.environ["PYSTRAY_BACKEND"] = "dummy"
    try:
        from pystray import Menu, MenuItem
        from pystray._base import Icon as BaseIcon
    finally:
        if _chosen is None:
            del os.environ["PYSTRAY_BACKEND"]
        else:
            os.environ["PYSTRAY_BACKEND"] = _chosen
