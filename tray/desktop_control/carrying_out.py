"""Carries an action out on the devices, step by step, so that it can be cancelled between two steps."""

from server.desktop_tools.actions import (
    Action,
    Click,
    Drag,
    Move,
    Outcome,
    Point,
    PressKeys,
    Screenshot,
    Scroll,
    ToolError,
    TypeText,
    Wait,
    Window,
    Zoom,
)
from server.desktop_tools.scaling import encoded
from tray.desktop_control.devices import Box, Devices, Pause
from tray.desktop_control.own_moves import OwnMoves

_DONE = Outcome("Done.")
# Programs that follow the pointer get a moment before and between clicks.
_STEP_S = 0.02
# Programs recognise a drag by several moves on its way.
_DRAG_STEPS = 12


def carry_out(devices: Devices, moves: OwnMoves, action: Action, pause: Pause) -> Outcome:
    """Carries the action out. No key and no button stays pressed, whatever happens."""
    try:
        match action:
            case Screenshot():
                return Outcome(picture=encoded(devices.picture(_whole(devices))))
            case Zoom(start, end):
                return Outcome(picture=encoded(devices.picture(Box(start.x, start.y, end.x, end.y))))
            case Click():
                _click(devices, moves, action, pause)
            case Move(to):
                moves.move(devices, to)
            case Drag(start, end):
                _drag(devices, moves, start, end, pause)
            case Scroll():
                _scroll(devices, moves, action, pause)
            case TypeText(text):
                devices.type_text(text, pause)
            case PressKeys(keys):
                devices.press_keys(keys, pause)
            case Wait(seconds):
                pause(seconds)
    finally:
        devices.release_all()
    return _DONE


def windows_of(devices: Devices, action: Action) -> tuple[Window, ...]:
    """The windows that the action reaches."""
    match action:
        case Screenshot():
            return devices.windows_in(_whole(devices))
        case Zoom(start, end):
            return devices.windows_in(Box(start.x, start.y, end.x, end.y))
        case Click(at) | Scroll(at):
            found = [devices.window_at(at)]
        case Move(to):
            found = [devices.window_at(to)]
        case Drag(start, end):
            found = [devices.window_at(start), devices.window_at(end)]
        case TypeText() | PressKeys():
            found = [devices.window_with_focus()]
        case Wait():
            return ()
    return tuple(dict.fromkeys(window for window in found if window is not None))


def check_size(devices: Devices, action: Action, expected: tuple[int, int]) -> None:
    """Refuses points of a picture that was taken before the screen got another size."""
    if not isinstance(action, Screenshot | TypeText | PressKeys | Wait) and devices.size() != expected:
        raise ToolError("The screen has another size now. Take a screenshot first.")


def _whole(devices: Devices) -> Box:
    width, height = devices.size()
    return Box(0, 0, width, height)


def _click(devices: Devices, moves: OwnMoves, action: Click, pause: Pause) -> None:
    moves.move(devices, action.at)
    for nth in range(1, action.count + 1):
        if pause(_STEP_S):
            return
        devices.press(action.button, nth)
        devices.release(action.button, nth)


def _drag(devices: Devices, moves: OwnMoves, start: Point, end: Point, pause: Pause) -> None:
    moves.move(devices, start)
    if pause(_STEP_S):
        return
    devices.press("left")
    for step in range(1, _DRAG_STEPS + 1):
        if pause(_STEP_S):
            return
        across, down = (end.x - start.x) * step // _DRAG_STEPS, (end.y - start.y) * step // _DRAG_STEPS
        moves.move(devices, Point(start.x + across, start.y + down))
    if not pause(_STEP_S):
        devices.release("left")


def _scroll(devices: Devices, moves: OwnMoves, action: Scroll, pause: Pause) -> None:
    moves.move(devices, action.at)
    for _ in range(action.clicks):
        if pause(_STEP_S):
            return
        devices.turn_wheel(action.direction)
