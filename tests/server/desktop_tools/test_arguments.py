"""Calls are read into actions on the screen, and a wrong one is refused with a sentence."""

import io
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from PIL import Image

from server.desktop_tools.actions import (
    Action,
    Click,
    Drag,
    Move,
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
from server.desktop_tools.arguments import read_action
from server.desktop_tools.scaling import LARGEST, LARGEST_PNG, Scale, encoded, fitted, scale_of
from server.desktop_tools.tools import tool_specs
from server.desktop_tools.words import describe

SAME = Scale((1280, 800), (1280, 800))
READ: list[tuple[str, dict[str, object], Action]] = [
    ("screenshot", {}, Screenshot()),
    ("zoom", {"region": [0, 0, 1280, 800]}, Zoom(Point(0, 0), Point(1280, 800))),
    ("left_click", {"coordinate": [200, 201]}, Click(Point(200, 201))),
    ("double_click", {"coordinate": [0, 0]}, Click(Point(0, 0), "left", 2)),
    ("right_click", {"coordinate": [1279, 799]}, Click(Point(1279, 799), "right")),
    ("mouse_move", {"coordinate": [3, 4]}, Move(Point(3, 4))),
    ("left_click_drag", {"start_coordinate": [1, 2], "coordinate": [3, 4]}, Drag(Point(1, 2), Point(3, 4))),
    ("scroll", {"coordinate": [5, 6], "direction": "down", "amount": 3}, Scroll(Point(5, 6), "down", 3)),
    ("type", {"text": "ü漢字"}, TypeText("ü漢字")),
    ("key", {"text": "ctrl+shift+s"}, PressKeys(("ctrl", "shift", "s"))),
    ("wait", {"seconds": 2}, Wait(2.0)),
]


@pytest.mark.parametrize(("name", "arguments", "action"), READ, ids=[name for name, _, _ in READ])
def test_each_tool_is_read_and_its_schema_takes_the_same_arguments(
    name: str, arguments: dict[str, object], action: Action
) -> None:
    assert read_action(name, arguments, SAME) == action
    schema = {spec.name: spec.schema for spec in tool_specs(SAME)}[name]
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(arguments)


def test_every_tool_of_the_list_is_read_and_tells_the_pictures_size() -> None:
    specs = tool_specs(scale_of((2560, 1440)))
    assert [spec.name for spec in specs] != []
    assert {spec.name for spec in specs} == {name for name, _, _ in READ}
    assert all("1280x720" in spec.description for spec in specs if "coordinate" in str(spec.schema))


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("dance", {}, "no tool `dance`"),
        ("left_click", {}, "needs `coordinate`"),
        ("screenshot", {"delay": 1}, "does not take `delay`"),
        ("left_click", {"coordinate": [1280, 0]}, "outside the screenshot, which is 1280x800"),
        ("left_click", {"coordinate": [-1, 0]}, "outside"),
        ("left_click", {"coordinate": [1.5, 0]}, "whole numbers"),
        ("left_click", {"coordinate": [True, 0]}, "whole numbers"),
        ("left_click", {"coordinate": "1,2"}, "whole numbers"),
        ("zoom", {"region": [5, 5, 5, 9]}, "right over left"),
        ("zoom", {"region": [0, 0, 1281, 9]}, "outside"),
        ("scroll", {"coordinate": [1, 1], "direction": ["up"], "amount": 1}, "up, down, left or right"),
        ("scroll", {"coordinate": [1, 1], "direction": "up", "amount": 51}, "1 to 50"),
        ("type", {"text": ""}, "not empty"),
        ("type", {"text": "a\x1b[A"}, "U+001B"),
        ("type", {"text": "\ud800"}, "U+D800"),
        ("type", {"text": "a" * 10_001}, "10001 characters"),
        ("key", {"text": "ctrl+"}, "names no key"),
        ("wait", {"seconds": float("nan")}, "at most 30"),
        ("wait", {"seconds": 31}, "at most 30"),
    ],
)
def test_a_wrong_call_is_refused_with_a_sentence(name: str, arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ToolError, match=re.escape(words)):
        read_action(name, arguments, SAME)


@pytest.mark.parametrize(("text", "keys"), [("+", ("+",)), ("ctrl++", ("ctrl", "+")), ("Return", ("Return",))])
def test_the_plus_key_can_be_named(text: str, keys: tuple[str, ...]) -> None:
    assert read_action("key", {"text": text}, SAME) == PressKeys(keys)


SIZES = st.tuples(st.integers(1, 8000), st.integers(1, 8000))


@given(SIZES, st.data())
def test_each_pixel_of_the_picture_is_inside_the_screen_and_shown_there(
    size: tuple[int, int], data: st.DataObject
) -> None:
    scale = scale_of(size)
    (width, height), (across, down) = size, scale.picture
    assert across <= LARGEST[0]
    assert down <= LARGEST[1]
    x, y = data.draw(st.integers(0, across - 1)), data.draw(st.integers(0, down - 1))
    point = scale.to_screen(Point(x, y))
    centre = (2 * point.x + 1) * across // (2 * width), (2 * point.y + 1) * down // (2 * height)
    assert centre == (x, y)
    zoom = read_action("zoom", {"region": [x, y, x + 1, y + 1]}, scale)
    assert isinstance(zoom, Zoom)
    assert 0 <= zoom.start.x < zoom.end.x <= width
    assert 0 <= zoom.start.y < zoom.end.y <= height


def test_a_plain_picture_is_png_and_a_noisy_one_jpeg_that_is_not_encoded_again() -> None:
    plain = encoded(Image.new("RGB", (2560, 1440), "white"))
    assert plain.media_type == "image/png"
    assert Image.open(io.BytesIO(plain.data)).size == fitted((2560, 1440)) == (1280, 720)
    noise = encoded(Image.frombytes("RGB", (1280, 800), os.urandom(1280 * 800 * 3)))
    assert noise.media_type == "image/jpeg"
    assert len(noise.data) <= LARGEST_PNG
    assert "\\x" not in repr(noise)


def test_an_action_is_told_in_words_without_the_text_that_is_typed() -> None:
    window = Window("shell", "xterm")
    assert describe(Click(Point(200, 200)), window) == "click 200,200 in xterm"
    assert describe(PressKeys(("ctrl", "s")), window) == "press ctrl+s in xterm"
    assert describe(TypeText("hunter2"), window) == "type 7 characters in xterm"
    assert describe(Screenshot(), window) == "screenshot"
