"""The windows of an X11 desktop: which one is under a point, has the keyboard, or is seen in a picture.

The children of the root window are all that the screen shows, in stacking order, with a window manager or without one:
frames around the windows of programs, and menus and panels, which are in no window manager's list. The window of a
program inside a frame has the property WM_STATE. Who owns a window is asked of the X server, not only of the window.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from Xlib import X, error
from Xlib.display import Display
from Xlib.ext.res import LocalClientPIDMask

from server.desktop_tools.actions import Point, Window
from tray.desktop_control.devices import Box
from tray.desktop_control.stacking import Shown, visible

# A frame is not nested deeper than this.
_DEPTH = 4
_TRANSLUCENT = 32
_BACKGROUND = Window("the background of the desktop", "desktop")
_GONE = (error.BadWindow, error.BadDrawable, error.BadMatch, error.BadValue)
# A property of a window, or nothing.
_LONGEST = 1024


class Windows:
    """Asks the X server; a window that disappears meanwhile is left out."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._root = display.screen().root
        self._has_owners = display.has_extension("X-Resource")
        self._has_shapes = display.has_extension("SHAPE")

    def at(self, point: Point) -> Window:
        """The window under a point; the desktop's background if there is none."""
        child = self._root.translate_coords(self._root, point.x, point.y).child
        return self._named(child) if child else _BACKGROUND

    def with_focus(self) -> Window | None:
        """The window that has the keyboard's focus."""
        focus = self._display.get_input_focus().focus
        if focus == X.PointerRoot:
            pointer = self._root.query_pointer()
            return self.at(Point(pointer.root_x, pointer.root_y))
        if focus == X.NONE:
            return None
        try:
            return self._named(self._top(focus), focus)
        except _GONE:
            return None

    def within(self, part: Box) -> tuple[Window, ...]:
        """The windows of which the part shows something, the highest first."""
        return tuple(dict.fromkeys(self._named(window) for window in visible(self._shown(), part)))

    def _shown(self) -> Iterator[Shown[Any]]:
        """What is on the screen, the highest first."""
        for window in reversed(self._root.query_tree().children):
            try:
                about = window.get_attributes()
                if about.map_state != X.IsViewable or about.win_class == X.InputOnly or self._is_hidden(window):
                    continue
                size = window.get_geometry()
            except _GONE:
                continue
            edge = 2 * size.border_width
            box = Box(size.x, size.y, size.x + size.width + edge, size.y + size.height + edge)
            yield Shown(window, box, is_opaque=size.depth != _TRANSLUCENT and self._is_whole(window))

    def _is_whole(self, window: Any) -> bool:
        """Whether it has no holes, and the window manager is not asked to draw it translucent."""
        try:
            is_shaped = self._has_shapes and window.shape_query_extents().bounding_shaped
        except _GONE:
            return False
        return not is_shaped and self._property(window, "_NET_WM_WINDOW_OPACITY") is None

    def _is_hidden(self, window: Any) -> bool:
        """Whether it is minimized: some window managers leave the window where it is and do not draw it."""
        states = self._property(self._client(window), "_NET_WM_STATE")
        return states is not None and self._display.get_atom("_NET_WM_STATE_HIDDEN") in list(states)

    def _top(self, window: Any) -> Any:
        """The child of the root window that holds the window."""
        while window != self._root:
            parent = window.query_tree().parent
            if not parent or parent == self._root:
                return window
            window = parent
        return window

    def _client(self, window: Any) -> Any:
        """The program's window in a frame; the window itself where there is none."""
        level = [window]
        for _ in range(_DEPTH):
            for candidate in level:
                if self._property(candidate, "WM_STATE") is not None:
                    return candidate
            level = [child for one in level for child in one.query_tree().children]
        return window

    def _named(self, top: Any, inner: Any = None) -> Window:
        if top == self._root:
            return _BACKGROUND
        try:
            client = self._client(self._not_the_servers(top))
            pid = self._owner(client)
            return Window(self._title(client), self._app(client) or self._app(inner) or _program(pid), pid)
        except _GONE:
            return Window("a window that has just closed", "")

    def _not_the_servers(self, window: Any) -> Any:
        """The highest window inside the one that the X server itself has, for what a desktop draws over all others."""
        children = window.query_tree().children if window.id <= self._display.display.info.resource_id_mask else ()
        return children[-1] if children else window

    def _title(self, window: Any) -> str:
        value = self._property(window, "_NET_WM_NAME")
        return _text(value if value is not None else self._property(window, "WM_NAME"))

    def _app(self, window: Any) -> str:
        """The class, else its name, of the window or of the one that a menu or dialog belongs to."""
        for _ in range(_DEPTH):
            if window is None:
                break
            if names := [name for name in _text(self._property(window, "WM_CLASS")).split("\0") if name]:
                return names[-1]
            window = window.get_wm_transient_for()
        return ""

    def _owner(self, window: Any) -> int | None:
        """The process, by the X server; by the window's own word for one on another computer."""
        if self._has_owners:
            for answer in self._display.res_query_client_ids([{"client": window.id, "mask": LocalClientPIDMask}]).ids:
                if answer.value:
                    return int(answer.value[0])
        value = self._property(window, "_NET_WM_PID")
        return int(value[0]) if value is not None and len(value) else None

    def _property(self, window: Any, name: str) -> Any:
        try:
            found = window.get_property(self._display.get_atom(name), X.AnyPropertyType, 0, _LONGEST)
        except _GONE:
            return None
        return found.value if found else None


def _text(value: Any) -> str:
    if not isinstance(value, bytes):
        return str(value or "")
    try:
        return value.decode()
    except UnicodeDecodeError:
        # As ICCCM has it; programs write either.
        return value.decode("latin-1")


def _program(pid: int | None) -> str:
    """The name of a process's program; empty if it is not known."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip() if pid else ""
    except OSError:
        return ""
