"""How Claude uses this computer's desktop: pictures of the screen, the pointer, the keyboard, and the windows.

Nothing of the system's libraries is imported before `open_desktop_control`.
"""

from tray.desktop_control.devices import NotOnThisDesktop
from tray.desktop_control.local_desktop import LocalDesktop, open_desktop_control

__all__ = ["LocalDesktop", "NotOnThisDesktop", "open_desktop_control"]
