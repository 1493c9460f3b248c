"""The icon on macOS: pystray's own, its menu filled as it opens and everything drawn by the main thread."""

import io
import logging
from typing import TYPE_CHECKING, Any

from tray.icon.pystray_types import BaseIcon, Draw, Job, Menu, MenuItem, Panel

if TYPE_CHECKING:

    class _DarwinIcon(BaseIcon):
        """The members of `pystray._darwin.Icon` that we call, override or read."""

        _app: Any
        _icon_image: Any
        _menu_handle: Any
        _status_bar: Any
        _status_item: Any

        def _create_menu_item(self, descriptor: MenuItem, callbacks: list[object]) -> Any: ...

    AppHelper: Any
    AppKit: Any
    Foundation: Any

    class _Object:
        @classmethod
        def alloc(cls) -> Any: ...

else:
    import AppKit
    import Foundation
    from PyObjCTools import AppHelper
    from pystray._darwin import Icon as _DarwinIcon

    _Object = Foundation.NSObject

logger = logging.getLogger(__name__)

# The height of an icon in the menu bar, in points; each is drawn for screens of one and of two pixels a point.
POINTS = 18
_SCALES = (1, 2)
# An app of the menu bar only: no icon in the Dock, also when it runs from source.
_ACCESSORY = 1


class Filler(_Object):
    """The menu's delegate: told each time when it is about to open."""

    icon: "Icon"

    def menuNeedsUpdate_(self, menu: object) -> None:  # noqa: N802 # the system's name for it
        """Called on the main thread."""
        del menu
        self.icon.fill()


class Icon(_DarwinIcon):
    """pystray's icon for macOS, with what it leaves to us.

    It finds a clicked line by its place in the newest menu, which need not be the one that was open: ours is filled as
    it opens, and at no other time.
    """

    def __init__(self, name: str, icon: Draw, title: str, menu: Menu) -> None:
        super().__init__(name, icon, title, menu)
        self._app.setActivationPolicy_(_ACCESSORY)
        self._filler = Filler.alloc().init()
        self._filler.icon = self
        self._menu_handle = None

    @property
    def has_host(self) -> None:
        """Unknown: a full menu bar hides icons and says nothing."""
        return

    def later(self, job: Job) -> None:
        """Runs `job` soon on the main thread; errors are logged."""
        AppHelper.callAfter(_logged, job)

    def fill(self) -> None:
        """Puts the lines of the moment into the menu. On the main thread, while it is closed."""
        nsmenu, _ = self._menu_handle
        nsmenu.removeAllItems()
        callbacks: list[object] = []
        for descriptor in self.menu or ():
            nsmenu.addItem_(self._create_menu_item(descriptor, callbacks))
            callbacks.append(self._handler(descriptor))
        self._menu_handle = (nsmenu, callbacks)

    def _update_menu(self) -> None:
        """Only the first time: after that the menu is filled as it opens."""
        if self._menu_handle is not None:
            return
        nsmenu = AppKit.NSMenu.alloc().initWithTitle_(self.name)
        nsmenu.setAutoenablesItems_(False)
        nsmenu.setDelegate_(self._filler)
        self._menu_handle = (nsmenu, [])
        self.fill()
        self._status_item.setMenu_(nsmenu)

    def _run(self) -> None:
        """pystray's, without its handler of Ctrl+C, which ends the process with nothing cleaned up."""
        self._mark_ready()
        try:
            self._app.run()
        finally:
            self._status_bar.removeStatusItem_(self._status_item)
            # Else pystray hides it when it is collected, on whatever thread that happens.
            self._visible = False

    def _assert_image(self) -> None:
        """A template in points: the system paints it for a light or dark bar, sharp on every screen."""
        if self._icon_image is not None:
            return
        image = AppKit.NSImage.alloc().initWithSize_((POINTS, POINTS))
        for scale in _SCALES:
            png = io.BytesIO()
            self.icon(POINTS * scale, Panel.TEMPLATE).save(png, "PNG")
            written = png.getvalue()
            pixels = AppKit.NSBitmapImageRep.imageRepWithData_(
                Foundation.NSData.dataWithBytes_length_(written, len(written))
            )
            pixels.setSize_((POINTS, POINTS))
            image.addRepresentation_(pixels)
        image.setTemplate_(True)
        self._icon_image = image
        self._status_item.button().setImage_(image)


def _logged(job: Job) -> None:
    try:
        job()
    except Exception:  # the edge of the main thread: an error would end the app
        logger.exception("the icon could not be drawn")
