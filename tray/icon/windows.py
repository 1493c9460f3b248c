"""The icon on Windows: pystray's, with a menu built as it opens and all drawing on the window's thread."""

import ctypes
import logging
import queue
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.backoff import Backoff
from tray.icon.pystray_types import BaseIcon, Draw, Job, Menu, MenuItem, Panel

if TYPE_CHECKING:

    class _Win32Icon(BaseIcon):
        """The members of `pystray._win32.Icon` that we use or override."""

        _hwnd: Any
        _menu_handle: Any
        _icon_handle: Any
        _message_handlers: dict[int, Callable[[int, int], object]]

        def _show(self) -> None: ...
        def _update_icon(self) -> None: ...
        def _update_menu(self) -> None: ...
        def _notify(self, message: str, title: str | None = None) -> None: ...
        def _release_icon(self) -> None: ...
        def _on_notify(self, wparam: int, lparam: int) -> None: ...
        def _on_display_change(self, wparam: int, lparam: int) -> None: ...
        def _create_menu_item(self, descriptor: MenuItem, callbacks: list[object]) -> Any: ...

    win32: Any
else:
    from pystray._util import win32
    from pystray._win32 import Icon as _Win32Icon

logger = logging.getLogger(__name__)

WM_LATER = 0x0400 + 60
WM_QUERYENDSESSION, WM_ENDSESSION, WM_SETTINGCHANGE = 0x0011, 0x0016, 0x001A
WM_DPICHANGED = 0x02E0
SM_CXSMICON = 49
# The message to the icon's window for a click on a notification.
NIN_BALLOONUSERCLICK = 0x0405
# The value of DPI_AWARENESS_CONTEXT_PER_MONITOR_AWARE_V2, a handle.
_PER_MONITOR_V2 = -4
# The first and the longest wait before an icon that no taskbar accepted is added again.
RETRY_S = (0.5, 30.0)
# The lengths of NOTIFYICONDATA's fields in UTF-16 units, without the closing zero.
MAX_TIP, MAX_TEXT, MAX_TITLE = 127, 255, 63


class Icon(_Win32Icon):
    """pystray's icon for Windows with a menu that the window's thread builds only as it opens.

    pystray rebuilds the menu on every update, on the caller's thread, and so destroys an open one.
    """

    # Set by the view; Windows has no such event.
    on_reopen: Callable[[], None]

    def __init__(self, name: str, icon: Draw, title: str, menu: Menu) -> None:
        # Before the window exists: else Windows scales icon and menu up, and they are blurred.
        _become_dpi_aware()
        super().__init__(name, icon, title, menu)
        self.on_notification_click: Callable[[], None] = lambda: None
        self._dpi = 0
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._menu_handle = None
        self._is_open = False
        self._has_host: bool | None = None
        self._panel = _panel()
        # Explorer may not have started yet at login.
        self._backoff = Backoff(*RETRY_S)
        self._message_handlers |= {
            WM_LATER: self._on_later,
            WM_SETTINGCHANGE: self._on_setting_change,
            WM_DPICHANGED: self._on_dpi_change,
            # pystray returns 0 for unknown messages, which here would mean "do not log off".
            WM_QUERYENDSESSION: lambda _wparam, _lparam: 1,
            WM_ENDSESSION: self._on_end_session,
        }

    @property
    def has_host(self) -> bool | None:
        """Whether the taskbar has accepted the icon; None until it was added."""
        return self._has_host

    def later(self, job: Job) -> None:
        """Runs `job` soon on the window's thread, even while a menu is open; errors are logged."""
        self._jobs.put(job)
        # Without a window the job waits in the queue until `run` has created one.
        if self._hwnd is not None:
            win32.PostMessage(self._hwnd, WM_LATER, 0, 0)

    def _on_later(self, wparam: int, lparam: int) -> None:
        del wparam, lparam
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            try:
                job()
            except Exception:  # the edge of the window's thread, where errors are swallowed silently
                logger.exception("the icon could not be drawn")

    def _update_menu(self) -> None:
        """Does nothing: the menu is built as it opens."""

    def _on_notify(self, wparam: int, lparam: int) -> None:
        if lparam == NIN_BALLOONUSERCLICK:
            self.on_notification_click()
            return
        if self._is_open:
            # A click on the icon while its menu is open must not destroy the menu.
            return
        if lparam == win32.WM_LBUTTONUP and not any(item.default for item in self.menu or ()):
            lparam = win32.WM_RBUTTONUP
        self._is_open = lparam == win32.WM_RBUTTONUP
        try:
            if self._is_open:
                super()._update_menu()
            super()._on_notify(wparam, lparam)
        finally:
            self._is_open = False

    def _create_menu_item(self, descriptor: MenuItem, callbacks: list[object]) -> Any:
        item = super()._create_menu_item(descriptor, callbacks)
        if descriptor is not Menu.SEPARATOR:
            # A single ampersand would underline the next letter.
            item.dwTypeData = descriptor.text.replace("&", "&&")
        return item

    def _message(self, code: int, flags: int, **fields: Any) -> None:
        """pystray's, but checks the result: without a taskbar, the icon is added again later."""
        if "szTip" in fields:
            fields["szTip"] = _truncated(fields["szTip"], MAX_TIP)
        is_accepted = self._notify_icon(code, flags, **fields)
        if code != win32.NIM_ADD:
            return
        # The icon may have been added although the call failed: a busy taskbar answers too late.
        self._has_host = bool(is_accepted or self._notify_icon(win32.NIM_MODIFY, flags, **fields))
        if self._has_host:
            self._backoff.succeeded()
        else:
            delay_s = self._backoff.failed()
            logger.info("there is no taskbar yet; next try in %.1f s", delay_s)
            timer = threading.Timer(delay_s, self.later, [self._show_again])
            timer.daemon = True
            timer.start()

    def _notify_icon(self, code: int, flags: int, **fields: Any) -> bool:
        size = ctypes.sizeof(win32.NOTIFYICONDATAW)
        data = win32.NOTIFYICONDATAW(cbSize=size, hWnd=self._hwnd, uID=0, uFlags=flags, **fields)
        return bool(win32.Shell_NotifyIcon(code, data))

    def _show_again(self) -> None:
        if self.visible and not self._has_host:
            self._show()

    def _notify(self, message: str, title: str | None = None) -> None:
        super()._notify(_truncated(message, MAX_TEXT), _truncated(title or self.title, MAX_TITLE))

    def _assert_icon_handle(self) -> None:
        """Loads the icon in exactly the taskbar's size; pystray loads a larger one, which is then scaled."""
        if self._icon_handle is not None:
            return
        size = self._icon_size()
        with tempfile.TemporaryDirectory(prefix="drawbridge-") as folder:
            path = str(Path(folder, "icon.ico"))
            # By default Pillow writes only its own list of sizes.
            self.icon(size, self._panel).save(path, "ICO", sizes=[(size, size)], bitmap_format="bmp")
            self._icon_handle = win32.LoadImage(None, path, win32.IMAGE_ICON, size, size, win32.LR_LOADFROMFILE)

    def _icon_size(self) -> int:
        """The taskbar's icon size in pixels: at the start, or on the screen that it has moved to since."""
        user32 = win32.windll.user32
        if self._dpi:
            return int(user32.GetSystemMetricsForDpi(SM_CXSMICON, self._dpi))
        return int(user32.GetSystemMetrics(SM_CXSMICON))

    def _on_dpi_change(self, wparam: int, lparam: int) -> None:
        del lparam
        # The new resolution is in both halves of the parameter.
        self._dpi = wparam & 0xFFFF
        self._release_icon()
        if self.visible:
            self._update_icon()

    def _on_display_change(self, wparam: int, lparam: int) -> None:
        # The resolution changes the icon's size.
        self._release_icon()
        super()._on_display_change(wparam, lparam)

    def _on_end_session(self, wparam: int, lparam: int) -> None:
        """The user logs off, unless another program objected: ends the loop, so that `run`'s caller can clean up."""
        del lparam
        if wparam:
            self.stop()

    def _on_setting_change(self, wparam: int, lparam: int) -> None:
        del wparam, lparam
        panel = _panel()
        if panel is not self._panel:
            self._panel = panel
            if self.visible:
                self._update_icon()


def _become_dpi_aware() -> None:
    """Tells Windows that we draw for each screen's resolution. Old versions know one for all screens."""
    user32 = win32.windll.user32
    try:
        if user32.SetProcessDpiAwarenessContext(ctypes.c_void_p(_PER_MONITOR_V2)):
            return
    except AttributeError:
        logger.info("this Windows knows no resolution for each screen")
    # Fails if a manifest or a host program has decided already.
    user32.SetProcessDPIAware()


def _truncated(text: str, limit: int) -> str:
    """`text` cut to this many UTF-16 units, never inside a character."""
    return text.encode("utf-16-le")[: 2 * limit].decode("utf-16-le", "ignore")


def _panel() -> Panel:
    """The taskbar's background; dark if Windows does not report it."""
    # Lazy: exists on Windows only.
    import winreg

    key = r"Software\Microsoft\Windows\CurrentVersion\Themes\Personalize"
    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened:  # type: ignore[attr-defined,unused-ignore]
            is_light, _ = winreg.QueryValueEx(opened, "SystemUsesLightTheme")  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return Panel.DARK
    return Panel.LIGHT if is_light else Panel.DARK
