"""The door to pystray: its icon and its menus as far as we rely on them, imported so that no display is needed."""

import os
from collections.abc import Callable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, Any

from PIL import Image

__all__ = ["BaseIcon", "Draw", "Job", "Menu", "MenuItem", "Panel"]

Job = Callable[[], object]


class Panel(Enum):
    """What the icon lies on; TEMPLATE: the system paints its shape in colours of its own."""

    LIGHT = "light"
    DARK = "dark"
    TEMPLATE = "template"


# Draws the icon as a square of so many pixels. Each system asks for the sizes that it shows, and nothing is scaled.
Draw = Callable[[int, Panel], Image.Image]

if TYPE_CHECKING:

    class MenuItem:
        """`pystray.MenuItem`: its attributes are asked anew each time the menu is drawn."""

        def __init__(
            self,
            text: str,
            action: "Callable[..., object] | Menu | None",
            checked: Callable[["MenuItem"], bool] | None = None,
            radio: bool = False,  # noqa: FBT001, FBT002 # theirs
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
        """`pystray.Menu`: made of items, or of a callable that gives them; iterating leaves out what is hidden."""

        SEPARATOR: MenuItem

        def __init__(self, *items: MenuItem | Callable[[], tuple[MenuItem, ...]]) -> None: ...
        def __iter__(self) -> Iterator[MenuItem]: ...

    class BaseIcon:
        """`pystray.Icon` without a system; each system overrides what begins with an underscore."""

        name: str
        icon: Any  # theirs is an image, ours a `Draw`
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
    # pystray chooses a backend as it is imported, and on Linux that opens a display or fails. We name ours ourselves.
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
