"""Pictures of the screen, by mss."""

import mss
from PIL import Image

from server.desktop_tools.actions import Point
from tray.desktop_control.devices import Box


class Camera:
    """Takes pictures. `display` is a name of X11's."""

    def __init__(self, display: str | None = None) -> None:
        # Other systems' classes do not take the argument.
        self._mss = mss.MSS() if display is None else mss.MSS(display=display)

    def picture(self, part: Box, origin: Point) -> Image.Image:
        """A picture of a part of the screen, whose top left corner is at `origin` in the system's coordinates."""
        size = (part.right - part.left, part.bottom - part.top)
        shot = self._mss.grab(
            {"left": origin.x + part.left, "top": origin.y + part.top, "width": size[0], "height": size[1]}
        )
        taken = Image.frombytes("RGB", (shot.width, shot.height), bytes(shot.bgra), "raw", "BGRX")
        # Some screens have several pixels to a point.
        return taken if taken.size == size else taken.resize(size)

    def close(self) -> None:
        """Disconnects."""
        self._mss.close()


def layout() -> tuple[Box, tuple[Box, ...]]:
    """The whole screen in the system's coordinates, and its monitors in those of the screen, as they are now."""
    with mss.MSS() as now:
        whole, *monitors = [
            Box(one["left"], one["top"], one["left"] + one["width"], one["top"] + one["height"]) for one in now.monitors
        ]
    return whole, tuple(
        Box(box.left - whole.left, box.top - whole.top, box.right - whole.left, box.bottom - whole.top)
        for box in monitors
    )
