"""Tells where Claude put the pointer from where the person moved it: a person stops by moving it into a corner."""

import threading
from collections.abc import Callable

from server.desktop_tools.actions import Point, ToolError
from tray.desktop_control.devices import Box, Devices

# The system stops the pointer at the edge: it need not be hit more exactly.
_NEAR = 2


class OwnMoves:
    """All moves of Claude's, under a lock: another thread that reads the pointer sees it before or after a move."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._own: Point | None = None
        self._corners: frozenset[Point] = frozenset()
        self._is_in_corner = False

    def watch(self, monitors: tuple[Box, ...], pointer: Callable[[], Point]) -> None:
        """Starts to look at the corners. A pointer that is in one already has to leave it first."""
        with self._lock:
            self._corners, self._is_in_corner, self._own = corners(monitors), False, pointer()

    def unwatch(self) -> None:
        """Looks at no corner any more."""
        with self._lock:
            self._corners, self._is_in_corner = frozenset(), False

    def is_in_corner(self, pointer: Callable[[], Point]) -> bool:
        """Whether the person has moved the pointer into a corner since `watch`."""
        with self._lock:
            self._look(pointer())
            return self._is_in_corner

    def move(self, devices: Devices, to: Point) -> None:
        """Moves the pointer. Raises `ToolError` if the person has moved it into a corner."""
        with self._lock:
            self._look(devices.pointer())
            if self._is_in_corner:
                raise ToolError("The person moved the pointer into a corner.")
            devices.move(to)
            # The system may have kept it inside a monitor.
            self._own = devices.pointer()

    def _look(self, point: Point) -> None:
        if point == self._own:
            return
        self._own = None
        if any(abs(point.x - corner.x) <= _NEAR and abs(point.y - corner.y) <= _NEAR for corner in self._corners):
            self._is_in_corner = True


def corners(monitors: tuple[Box, ...]) -> frozenset[Point]:
    """The corners in which the pointer stops: those that have no other monitor beside, above or below them."""
    found = set()
    for box in monitors:
        for x, outwards in ((box.left, -1), (box.right - 1, 1)):
            for y, away in ((box.top, -1), (box.bottom - 1, 1)):
                beside = (Point(x + outwards, y), Point(x, y + away))
                if not any(other.has(point) for other in monitors for point in beside):
                    found.add(Point(x, y))
    return frozenset(found)
