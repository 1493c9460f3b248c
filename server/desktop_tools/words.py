"""An action in words, for the person who watches. Typed text is given by its length only: it may be a secret."""

from server.desktop_tools.actions import (
    Action,
    Click,
    Drag,
    Move,
    Point,
    PressKeys,
    Screenshot,
    Scroll,
    TypeText,
    Wait,
    Window,
    Zoom,
)

# As what the questions about windows are put to the person; see `server.agents.asking.questions`.
QUESTION_TOOL, QUESTION_PROJECT = "computer", "Computer use"


def describe(action: Action, window: Window | None) -> str:
    """For example "click 200,200 in xterm"."""
    words = _words(action)
    if window is None or isinstance(action, Screenshot | Zoom | Wait):
        return words
    return f"{words} in {window.app or window.title or 'a window without a name'}"


def _words(action: Action) -> str:
    match action:
        case Screenshot():
            return "screenshot"
        case Zoom(start, end):
            return f"zoom {_at(start)} to {_at(end)}"
        case Click(at, button, count):
            kind = "right click" if button == "right" else "double click" if count == 2 else "click"
            return f"{kind} {_at(at)}"
        case Move(to):
            return f"move to {_at(to)}"
        case Drag(start, end):
            return f"drag {_at(start)} to {_at(end)}"
        case Scroll(at, direction, clicks):
            return f"scroll {direction} {clicks} at {_at(at)}"
        case TypeText(text):
            return f"type {len(text)} {'character' if len(text) == 1 else 'characters'}"
        case PressKeys(keys):
            return f"press {'+'.join(keys)}"
        case Wait(seconds):
            return f"wait {seconds:g} s"


def _at(point: Point) -> str:
    return f"{point.x},{point.y}"
