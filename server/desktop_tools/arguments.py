"""Reads the arguments of a call into an action on the screen."""

from collections.abc import Callable, Mapping
from typing import Literal

from server.desktop_tools.actions import (
    Action,
    Click,
    Direction,
    Drag,
    Move,
    Point,
    PressKeys,
    Screenshot,
    Scroll,
    ToolError,
    TypeText,
    Wait,
    Zoom,
)
from server.desktop_tools.scaling import Scale
from server.desktop_tools.tools import LONGEST_TEXT, LONGEST_WAIT_S, MOST_CLICKS

_DIRECTIONS: dict[object, Direction] = {"up": "up", "down": "down", "left": "left", "right": "right"}


def read_action(name: str, arguments: Mapping[str, object], scale: Scale) -> Action:
    """The action that a call asks for, in the screen's pixels.

    Raises:
        ToolError: There is no such tool, or an argument is missing, unknown, of a wrong type or out of bounds.
    """
    if name not in _READERS:
        raise ToolError(f"There is no tool `{name}`. The tools are: {', '.join(_READERS)}.")
    known, read = _READERS[name]
    for field in known:
        if field not in arguments:
            raise ToolError(f"`{name}` needs `{field}`.")
    for field in arguments:
        if field not in known:
            raise ToolError(f"`{name}` does not take `{field}`.")
    return read(arguments, scale)


def _integers(value: object, field: str, count: int) -> list[int]:
    if not isinstance(value, list) or len(value) != count or any(type(item) is not int for item in value):
        raise ToolError(f"`{field}` must be a list of {count} whole numbers.")
    return value


def _picture_point(x: int, y: int, field: str, scale: Scale, *, edge: int = 0) -> Point:
    width, height = scale.picture
    if not (0 <= x < width + edge and 0 <= y < height + edge):
        raise ToolError(f"`{field}`: {x},{y} is outside the screenshot, which is {width}x{height}.")
    return Point(x, y)


def _point(arguments: Mapping[str, object], scale: Scale, field: str = "coordinate") -> Point:
    x, y = _integers(arguments[field], field, 2)
    return scale.to_screen(_picture_point(x, y, field, scale))


def _text(arguments: Mapping[str, object], _scale: Scale) -> str:
    text = arguments["text"]
    if not isinstance(text, str) or not text:
        raise ToolError("`text` must be a text that is not empty.")
    if len(text) > LONGEST_TEXT:
        raise ToolError(f"`text` has {len(text)} characters. At most {LONGEST_TEXT} are typed in one call.")
    for place, letter in enumerate(text):
        if (letter < " " and letter not in "\n\t") or "\x7f" <= letter < "\xa0" or "\ud800" <= letter <= "\udfff":
            raise ToolError(f"`text`: character {place} cannot be typed (U+{ord(letter):04X}). Use `key` for keys.")
    return text


def _zoom(arguments: Mapping[str, object], scale: Scale) -> Zoom:
    left, top, right, bottom = _integers(arguments["region"], "region", 4)
    _picture_point(left, top, "region", scale)
    _picture_point(right, bottom, "region", scale, edge=1)
    if right <= left or bottom <= top:
        raise ToolError("`region` must be left, top, right, bottom, with right over left and bottom over top.")
    (width, height), (across, down) = scale.screen, scale.picture
    # Rounded down at the start and up at the end: a region is never empty.
    start = Point(left * width // across, top * height // down)
    return Zoom(start, Point(-(-right * width // across), -(-bottom * height // down)))


def _scroll(arguments: Mapping[str, object], scale: Scale) -> Scroll:
    given, amount = arguments["direction"], arguments["amount"]
    direction = _DIRECTIONS.get(given) if isinstance(given, str) else None
    if direction is None:
        raise ToolError("`direction` must be up, down, left or right.")
    if type(amount) is not int or not 1 <= amount <= MOST_CLICKS:
        raise ToolError(f"`amount` must be a whole number from 1 to {MOST_CLICKS}.")
    return Scroll(_point(arguments, scale), direction, amount)


def _keys(arguments: Mapping[str, object], scale: Scale) -> PressKeys:
    text = _text(arguments, scale)
    # `ctrl++` is the plus key with ctrl.
    parts = (
        [*text[:-1].rstrip("+").split("+"), "+"] if text.endswith("++") else [text] if text == "+" else text.split("+")
    )
    keys = tuple(part.strip() for part in parts)
    if not all(keys):
        raise ToolError(f"`text`: {text!r} names no key between two plus signs. Write it as `ctrl+s`.")
    return PressKeys(keys)


def _wait(arguments: Mapping[str, object], _scale: Scale) -> Wait:
    seconds = arguments["seconds"]
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_WAIT_S:
        raise ToolError(f"`seconds` must be a number over 0, at most {LONGEST_WAIT_S}.")
    return Wait(float(seconds))


_Reader = Callable[[Mapping[str, object], Scale], Action]


def _click(button: Literal["left", "right"], count: int) -> _Reader:
    return lambda arguments, scale: Click(_point(arguments, scale), button, count)


_READERS: dict[str, tuple[tuple[str, ...], _Reader]] = {
    "screenshot": ((), lambda _arguments, _scale: Screenshot()),
    "zoom": (("region",), _zoom),
    "left_click": (("coordinate",), _click("left", 1)),
    "double_click": (("coordinate",), _click("left", 2)),
    "right_click": (("coordinate",), _click("right", 1)),
    "mouse_move": (("coordinate",), lambda arguments, scale: Move(_point(arguments, scale))),
    "left_click_drag": (
        ("start_coordinate", "coordinate"),
        lambda arguments, scale: Drag(_point(arguments, scale, "start_coordinate"), _point(arguments, scale)),
    ),
    "scroll": (("coordinate", "direction", "amount"), _scroll),
    "type": (("text",), lambda arguments, scale: TypeText(_text(arguments, scale))),
    "key": (("text",), _keys),
    "wait": (("seconds",), _wait),
}
