"""Corners of several monitors."""

import pytest

from server.desktop_tools.actions import Point
from tray.desktop_control.devices import Box
from tray.desktop_control.own_moves import corners


@pytest.mark.parametrize(
    ("monitors", "expected"),
    [
        ([Box(0, 0, 100, 50)], {(0, 0), (99, 0), (0, 49), (99, 49)}),
        # Side by side: the pointer passes where they meet.
        ([Box(0, 0, 100, 50), Box(100, 0, 200, 50)], {(0, 0), (0, 49), (199, 0), (199, 49)}),
        # The right one is lower: the pointer stops in the corner of the left one that has no neighbour.
        (
            [Box(0, 0, 100, 50), Box(100, 20, 200, 70)],
            {(0, 0), (99, 0), (0, 49), (100, 69), (199, 20), (199, 69)},
        ),
    ],
)
def test_a_corner_is_where_the_pointer_stops(monitors: list[Box], expected: set[tuple[int, int]]) -> None:
    assert corners(tuple(monitors)) == {Point(x, y) for x, y in expected}
