"""Claude's hands on this computer's desktop: pictures of the screen, the pointer, the keyboard, and the windows.

Nothing of the system's libraries is imported before `open_hands`.
"""

from tray.hands.devices import NotOnThisDesktop
from tray.hands.hands import Hands, open_hands

__all__ = ["Hands", "NotOnThisDesktop", "open_hands"]
