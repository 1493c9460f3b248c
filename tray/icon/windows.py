"""The icon on Windows: pystray's own, its menu made as it opens and everything drawn by the thread of its window."""

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
        """The members of `pystray._win32.Icon` that we call, override or read."""

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
SM_CXSMICON = 49
# How long to wait before an icon that no taskbar took is offered again, at first and at most.
PATIENCE_S = (0.5, 30.0)
# The lengths that NOTIFYICONDATA has room for, in UTF-16 units, without the closing zero.
TIP_LONGEST, TEXT_LONGEST, TITLE_LONGEST = 127, 255, 63


class Icon(_Win32Icon):
    """pystray's icon for Windows, with what it leaves to us.

    It rebuilds its menu whenever somebody asks, from any thread, and so destroys one that is open: ours is built by
    the window's thread as it opens, and at no other time.
    """

    def __init__(self, name: str, icon: Draw, title: str, menu: Menu) -> None:
        super().__init__(name, icon, title, menu)
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._menu_handle = None
        self._is_open = False
        self._has_host: bool | None = None
        self._panel = _panel()
        # Explorer may not be there yet when we start with the computer.
        self._patience = Backoff(*PATIENCE_S)
        self._message_handlers |= {
            WM_LATER: self._on_later,
            WM_SETTINGCHANGE: self._on_setting_change,
            # pystray answers 0 to all that it does not know, and to this question that means "do not log off".
            WM_QUERYENDSESSION: lambda _wparam, _lparam: 1,
            WM_ENDSESSION: self._on_end_session,
        }

    @property
    def has_host(self) -> bool | None:
        """Whether the taskbar has taken the icon; None until it was asked."""
        return self._has_host

    def later(self, job: Job) -> None:
        """Runs `job` soon on the window's thread, also while a menu is open; errors are logged."""
        self._jobs.put(job)
        # Without a window the job waits: `run` makes one and then asks again.
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
            except Exception:  # the edge of the window's thread: an error there would be swallowed without a word
                logger.exception("the icon could not be drawn")

    def _update_menu(self) -> None:
        """Nothing: it is made as it opens."""

    def _on_notify(self, wparam: int, lparam: int) -> None:
        if self._is_open:
            # A click on the icon while its menu is shown: that one must not be destroyed.
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
            # One alone would underline the next letter.
            item.dwTypeData = descriptor.text.replace("&", "&&")
        return item

    def _message(self, code: int, flags: int, **fields: Any) -> None:
        """pystray's, but what the taskbar answers counts: while there is none, the icon is offered again."""
        if "szTip" in fields:
            fields["szTip"] = _fitted(fields["szTip"], TIP_LONGEST)
        taken = self._tell(code, flags, **fields)
        if code != win32.NIM_ADD:
            return
        # Added although it said no: a taskbar that is busy answers too late.
        self._has_host = bool(taken or self._tell(win32.NIM_MODIFY, flags, **fields))
        if self._has_host:
            self._patience.succeeded()
        else:
            delay_s = self._patience.failed()
            logger.info("there is no taskbar yet: trying again in %.1f s", delay_s)
            timer = threading.Timer(delay_s, self.later, [self._show_again])
            timer.daemon = True
            timer.start()

    def _tell(self, code: int, flags: int, **fields: Any) -> bool:
        size = ctypes.sizeof(win32.NOTIFYICONDATAW)
        notice = win32.NOTIFYICONDATAW(cbSize=size, hWnd=self._hwnd, uID=0, uFlags=flags, **fields)
        return bool(win32.Shell_NotifyIcon(code, notice))

    def _show_again(self) -> None:
        if self.visible and not self._has_host:
            self._show()

    def _notify(self, message: str, title: str | None = None) -> None:
        super()._notify(_fitted(message, TEXT_LONGEST), _fitted(title or self.title, TITLE_LONGEST))

    def _assert_icon_handle(self) -> None:
        """Loads the icon in the very size that the taskbar shows; pystray loads a larger one, which is then scaled."""
        if self._icon_handle is not None:
            return
        size = int(win32.windll.user32.GetSystemMetrics(SM_CXSMICON))
        with tempfile.TemporaryDirectory(prefix="drawbridge-") as folder:
            path = str(Path(folder, "icon.ico"))
            # Of itself Pillow writes only the sizes that it finds usual.
            self.icon(size, self._panel).save(path, "ICO", sizes=[(size, size)], bitmap_format="bmp")
            self._icon_handle = win32.LoadImage(None, path, win32.IMAGE_ICON, size, size, win32.LR_LOADFROMFILE)

    def _on_display_change(self, wparam: int, lparam: int) -> None:
        # Another resolution is another size.
        self._release_icon()
        super()._on_display_change(wparam, lparam)

    def _on_end_session(self, wparam: int, lparam: int) -> None:
        """The person logs off, unless another program said no: the loop ends, and who ran it can tidy up."""
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


def _fitted(text: str, longest: int) -> str:
    """`text` cut to so many UTF-16 units, never within a character: the structure refuses what is longer."""
    return text.encode("utf-16-le")[: 2 * longest].decode("utf-16-le", "ignore")


def _panel() -> Panel:
    """Whether the taskbar is dark; where Windows does not say, it is."""
    # There only.
    import winreg

    key = r"Software\Microsoft\Windows\CurrentVersion\Themes\Personalize"
    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened:  # type: ignore[attr-defined,unused-ignore]
            is_light, _ = winreg.QueryValueEx(opened, "SystemUsesLightTheme")  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return Panel.DARK
    return Panel.LIGHT if is_light else Panel.DARK
