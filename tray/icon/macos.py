"""The icon on macOS: pystray's, with a menu filled as it opens and all drawing on the main thread."""

import io
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tray.icon.pystray_types import BaseIcon, Draw, Job, Menu, MenuItem, Panel

if TYPE_CHECKING:

    class _DarwinIcon(BaseIcon):
        """The members of `pystray._darwin.Icon` that we use or override."""

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

# The height of a menu bar icon in points, drawn for screens with one and two pixels a point.
POINTS = 18
_SCALES = (1, 2)
# NSApplicationActivationPolicyAccessory: no icon in the Dock, even when run from source.
_ACCESSORY = 1


class Filler(_Object):
    """The menu's delegate, which fills it before it opens."""

    icon: "Icon"

    def menuNeedsUpdate_(self, menu: object) -> None:  # noqa: N802 # AppKit's name
        """Called on the main thread."""
        del menu
        self.icon.fill()


class Reopener(_Object):
    """The application's delegate, which macOS calls when the user opens the running app again."""

    icon: "Icon"

    def applicationShouldHandleReopen_hasVisibleWindows_(self, app: object, visible: bool) -> bool:  # noqa: FBT001, N802 # AppKit's
        """Called on the main thread; False: the app has no window to show. The icon may be hidden by the notch."""
        del app, visible
        _logged(self.icon.on_reopen)
        return False


class Icon(_DarwinIcon):
    """pystray's icon for macOS with a menu that is filled only as it opens.

    pystray finds a clicked line by its index in the newest menu, which may differ from the menu that is open.
    """

    def __init__(self, name: str, icon: Draw, title: str, menu: Menu) -> None:
        super().__init__(name, icon, title, menu)
        self._app.setActivationPolicy_(_ACCESSORY)
        self._filler = Filler.alloc().init()
        self._filler.icon = self
        self._menu_handle = None
        self.on_notification_click: Callable[[], None] = lambda: None
        self.on_reopen: Callable[[], None] = lambda: None
        self._reopener = Reopener.alloc().init()
        self._reopener.icon = self
        self._app.setDelegate_(self._reopener)

    @property
    def has_host(self) -> None:
        """Unknown: a full menu bar hides icons without reporting it."""
        return

    def later(self, job: Job) -> None:
        """Runs `job` soon on the main thread; errors are logged."""
        AppHelper.callAfter(_logged, job)

    def fill(self) -> None:
        """Fills the closed menu with the current lines. Call it on the main thread."""
        nsmenu, _ = self._menu_handle
        nsmenu.removeAllItems()
        callbacks: list[object] = []
        for descriptor in self.menu or ():
            nsmenu.addItem_(self._create_menu_item(descriptor, callbacks))
            callbacks.append(self._handler(descriptor))
        self._menu_handle = (nsmenu, callbacks)

    def _update_menu(self) -> None:
        """Creates the menu once; later it is filled as it opens."""
        if self._menu_handle is not None:
            return
        nsmenu = AppKit.NSMenu.alloc().initWithTitle_(self.name)
        nsmenu.setAutoenablesItems_(False)
        nsmenu.setDelegate_(self._filler)
        self._menu_handle = (nsmenu, [])
        self.fill()
        self._status_item.setMenu_(nsmenu)

    def _run(self) -> None:
        """Pystray's loop without its Ctrl+C handler, which would end the process without clean-up."""
        self._mark_ready()
        try:
            self._app.run()
        finally:
            self._status_bar.removeStatusItem_(self._status_item)
            # Otherwise pystray hides the icon in `__del__`, on any thread.
            self._visible = False

    def _assert_image(self) -> None:
        """Sets a template image, which the system paints for a light or dark bar, sharp at both scales."""
        if self._icon_image is not None:
            return
        image = AppKit.NSImage.alloc().initWithSize_((POINTS, POINTS))
        for scale in _SCALES:
            png = io.BytesIO()
            self.icon(POINTS * scale, Panel.TEMPLATE).save(png, "PNG")
            content = png.getvalue()
            pixels = AppKit.NSBitmapImageRep.imageRepWithData_(
                Foundation.NSData.dataWithBytes_length_(content, len(content))
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
