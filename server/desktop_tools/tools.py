"""The tools as Claude sees them. Their names are those of the API's own computer tools."""

from collections.abc import Mapping
from dataclasses import dataclass

from server.desktop_tools.scaling import Scale

LONGEST_TEXT = 10_000
MOST_CLICKS = 50
LONGEST_WAIT_S = 30


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as it is offered: `schema` is the JSON Schema of its arguments."""

    name: str
    description: str
    schema: Mapping[str, object]


def tool_specs(scale: Scale) -> tuple[ToolSpec, ...]:
    """The tools for a screen; their descriptions and bounds tell the size of its picture.

    None is marked as read-only: Claude Code would run the calls of one message at once instead of in order.
    """
    width, height = scale.picture
    x = {"type": "integer", "minimum": 0, "maximum": width - 1}
    y = {"type": "integer", "minimum": 0, "maximum": height - 1}
    point = {"coordinate": _array("x and y", x, y)}
    where = f"Coordinates are pixels of the screenshot, which is {width}x{height}; 0,0 is its top left corner."
    return (
        _spec("screenshot", f"Takes a picture of the screen, {width}x{height} pixels.", {}),
        _spec("zoom", f"Takes a closer picture of a part of the screen. {where}", {"region": _region(width, height)}),
        _spec("left_click", f"Clicks with the left button. {where}", point),
        _spec("double_click", f"Clicks twice with the left button. {where}", point),
        _spec("right_click", f"Clicks with the right button. {where}", point),
        _spec("mouse_move", f"Moves the pointer. {where}", point),
        _spec(
            "left_click_drag",
            f"Drags with the left button from one point to another. {where}",
            {"start_coordinate": _array("x and y of the start", x, y), **point},
        ),
        _spec(
            "scroll",
            f"Turns the mouse wheel at a point. {where}",
            {
                **point,
                "direction": {"type": "string", "enum": ["up", "down", "left", "right"]},
                "amount": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MOST_CLICKS,
                    "description": "clicks of the wheel",
                },
            },
        ),
        _spec(
            "type",
            "Types a text where the keyboard's focus is.",
            {"text": {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}},
        ),
        _spec(
            "key",
            "Presses a key, or several together, as `Return` or `ctrl+s`.",
            {"text": {"type": "string", "minLength": 1}},
        ),
        _spec(
            "wait",
            "Waits until the screen has changed.",
            {"seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_WAIT_S}},
        ),
    )


def _spec(name: str, description: str, properties: Mapping[str, object]) -> ToolSpec:
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return ToolSpec(name, description, schema)


def _array(description: str, *items: Mapping[str, object]) -> dict[str, object]:
    # `maximum` of one bound for all items: not every reader of a schema knows `prefixItems`.
    highest = max(int(str(item["maximum"])) for item in items)
    item = {"type": "integer", "minimum": 0, "maximum": highest}
    return {"type": "array", "items": item, "minItems": len(items), "maxItems": len(items), "description": description}


def _region(width: int, height: int) -> dict[str, object]:
    # Right and bottom are the first pixels outside.
    x, y = {"type": "integer", "maximum": width}, {"type": "integer", "maximum": height}
    return _array("left, top, right and bottom", x, y, x, y)
