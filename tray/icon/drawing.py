"""The icon as shapes: a tower, a bridge whose angle shows the state, and the far bank.

The shapes are computed at run time for the exact size that a panel requests, which depends on the display's scaling:
straight edges lie on pixel borders, and details that would blur are left out. A scaled picture would not be sharp.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import assert_never

from tray.model import Picture

Point = tuple[float, float]


class ShapeRole(Enum):
    """What a shape depicts, which selects its colour. CUT erases what is under it."""

    GROUND = "ground"
    WATER = "water"
    STONE = "stone"
    DECK = "deck"
    TRAFFIC = "traffic"
    ALARM = "alarm"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle, its corners rounded by `radius`."""

    role: ShapeRole
    left: float
    top: float
    right: float
    bottom: float
    radius: float = 0.0


@dataclass(frozen=True, slots=True)
class Polygon:
    """A filled polygon."""

    role: ShapeRole
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Disc:
    """A filled circle."""

    role: ShapeRole
    centre: Point
    radius: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of `width` with round ends."""

    role: ShapeRole
    points: tuple[Point, ...]
    width: float


Shape = Box | Polygon | Disc | Line

# The bridge's angle in degrees.
_ANGLES = {Picture.RAISED: 68.0, Picture.HALF: 34.0}
# The sizes in pixels from which details are drawn: the parapet and the window's arch; stones and links of the chain.
_DETAIL_SIZE, _FINE_DETAIL_SIZE = 32, 64


def drawing_for(picture: Picture, size: int) -> tuple[Shape, ...]:
    """The shapes of `picture` on a square of `size` pixels, in painting order. y grows downwards."""
    return tuple(_Plan(size).shapes(picture))


def app_drawing(size: int, *, margin: float = 0.0) -> tuple[Shape, ...]:
    """The app's icon: the lowered bridge on a tile, with `margin`, a share of the size, left empty around it."""
    edge = round(size * margin)
    tile = size - 2 * edge
    inset = max(1, round(tile * (0.06 if size < _DETAIL_SIZE else 0.1)))
    scene = tile - 2 * inset
    ground = Box(ShapeRole.GROUND, edge, edge, size - edge, size - edge, radius=tile * 0.22)
    drawn = _Plan(scene).shapes(Picture.LOWERED, water=scene >= _DETAIL_SIZE)
    return (ground, *_moved(drawn, edge + inset))


class _Plan:
    """The layout on a square of `size` pixels, measured in sixteenths of it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.unit = size / 16
        self.merlon, self.gap = _merlon_and_gap(self.unit)
        # A half pixel goes to the drawing.
        margin = max(1, math.ceil(self.unit - 0.5))
        self.left = self.top = margin
        self.right = self.bottom = size - margin
        self.ledge = self.px(0.5) if size >= _DETAIL_SIZE else 0
        # The right edge of the parapet, and of the wall below it, from which the bridge hangs.
        self.parapet = self.left + 3 * self.merlon + 2 * self.gap
        self.wall = self.parapet - self.ledge
        self.floor = self.top + self.px(2)
        self.bank = self.px(2)
        self.thick = self.px(2)
        self.road = self.bottom - self.bank - self.thick

    def px(self, units: float) -> int:
        """Units in whole pixels, at least one."""
        return max(1, math.floor(units * self.unit + 0.5))

    def shapes(self, picture: Picture, *, water: bool = False) -> Iterator[Shape]:
        """All shapes, from back to front."""
        if water:
            yield self._water()
        yield from self._tower()
        yield Box(ShapeRole.STONE, self.right - self.px(3), self.bottom - self.bank, self.right, self.bottom)
        if picture is Picture.CROSS:
            yield from self._cross()
            return
        if picture in {Picture.RAISED, Picture.HALF, Picture.LOWERED}:
            yield from self._chain(_ANGLES.get(picture, 0.0))
        yield from self._deck(_ANGLES.get(picture, 0.0))
        if picture is Picture.TRAFFIC:
            yield from self._bubble()
        elif picture in {Picture.PUBLIC, Picture.PUBLIC_TRAFFIC}:
            yield from self._flag(has_words=picture is Picture.PUBLIC_TRAFFIC)
        elif picture is Picture.POINTER:
            yield self._pointer()
        elif picture is Picture.WARNING:
            yield from self._warning()

    def _tower(self) -> Iterator[Shape]:
        inner = self.left + self.ledge
        for tooth in range(3):
            left = self.left + tooth * (self.merlon + self.gap)
            yield Box(ShapeRole.STONE, left, self.top, left + self.merlon, self.floor + 1)
        yield Box(ShapeRole.STONE, self.left, self.floor, self.parapet, self.floor + self.px(1.5 if self.ledge else 1))
        yield Box(ShapeRole.STONE, inner, self.floor, self.wall, self.bottom)
        if self.ledge:
            yield Box(ShapeRole.STONE, self.left, self.bottom - self.bank, self.parapet, self.bottom)
        yield from self._window(inner)
        if self.size >= _FINE_DETAIL_SIZE:
            yield from self._stones(inner)

    def _window(self, inner: int) -> Iterator[Shape]:
        # The width that centres the window on whole pixels.
        width = next(w for w in (self.px(1), self.px(1) + 1) if (self.wall - inner - w) % 2 == 0)
        left = (inner + self.wall - width) / 2
        top, bottom = self.floor + self.px(2.5), self.floor + self.px(2.5) + self.px(3)
        if not self.ledge:
            top, bottom = top - self.px(0.5), bottom - self.px(0.5)
        yield Box(ShapeRole.CUT, left, top, left + width, bottom)
        if self.ledge:
            yield Disc(ShapeRole.CUT, (left + width / 2, top), width / 2)

    def _stones(self, inner: int) -> Iterator[Shape]:
        """A few joints between stones."""
        joint, length = self.px(0.25), self.px(1.1)
        for x, y in (
            (inner + self.px(0.6), 9.2),
            (self.wall - self.px(0.6) - length, 10.2),
            (inner + self.px(0.6), 11.2),
        ):
            yield Box(ShapeRole.CUT, x, self.px(y), x + length, self.px(y) + joint)

    def _deck(self, angle: float) -> Iterator[Shape]:
        """The bridge, a plank that pivots on its lower corner at the wall."""
        if not angle:
            yield Box(ShapeRole.DECK, self.wall, self.road, self.right, self.road + self.thick)
            return
        corners = ((0, 0), (1, 0), (1, self.thick), (0, self.thick))
        yield Polygon(ShapeRole.DECK, tuple(self._on_deck(angle, *corner) for corner in corners))

    def _on_deck(self, angle: float, share: float, above: float) -> Point:
        """The point at `share` of the bridge's length, `above` its lower side."""
        radians = math.radians(angle)
        along = share * (self.right - self.wall)
        # Moved right so that the upper corner of a raised bridge is not inside the wall.
        x = self.wall + self.thick * math.sin(radians) + along * math.cos(radians) - above * math.sin(radians)
        return (x, self.road + self.thick - along * math.sin(radians) - above * math.cos(radians))

    def _chain(self, angle: float) -> Iterator[Shape]:
        """The chain from the wall to the bridge, which covers its end; with links in large sizes."""
        x, y = self.wall - 0.2 * self.unit, self.floor + self.px(1)
        to_x, to_y = self._on_deck(angle, 0.88, 0.6 * self.thick)
        if self.size < _FINE_DETAIL_SIZE:
            yield Line(ShapeRole.STONE, ((x, y), (to_x, to_y)), max(1.0, 0.9 * self.unit))
            return
        yield Line(ShapeRole.STONE, ((x, y), (to_x, to_y)), 0.3 * self.unit)
        links = round(math.dist((x, y), (to_x, to_y)) / (0.95 * self.unit))
        for link in range(1, links):
            share = link / links
            yield Disc(ShapeRole.STONE, (x + (to_x - x) * share, y + (to_y - y) * share), 0.38 * self.unit)

    def _bubble(self) -> Iterator[Shape]:
        """A speech bubble over the bridge."""
        right = self.right
        left, top = right - self.px(7), self.road - self.px(8)
        bottom = top + self.px(5)
        yield Box(ShapeRole.TRAFFIC, left, top, right, bottom, radius=1.2 * self.unit)
        tail = left + self.px(1.5)
        yield Polygon(
            ShapeRole.TRAFFIC, ((tail, bottom - 1), (tail + self.px(2.5), bottom - 1), (tail, bottom + self.px(2)))
        )
        yield from self._words((left + right) / 2, (top + bottom) / 2)

    def _words(self, x: float, y: float) -> Iterator[Shape]:
        """Three dots around a point."""
        if self.size >= 22:
            for dot in (-1, 0, 1):
                yield Disc(ShapeRole.CUT, (x + dot * 2 * self.unit, y), 0.6 * self.unit)

    def _flag(self, *, has_words: bool) -> Iterator[Shape]:
        """A flag on the far bank, seen from afar: the tunnel is open. A pennant, or a banner with words on it."""
        pole = self.px(1)
        left, top = self.right - pole, self.top
        yield Box(ShapeRole.STONE, left, top, self.right, self.road)
        width, height = self.px(7), self.px(5)
        if has_words:
            yield Box(ShapeRole.TRAFFIC, left - width, top, left, top + height)
            yield from self._words(left - width / 2, top + height / 2)
        else:
            yield Polygon(ShapeRole.TRAFFIC, ((left, top), (left, top + height), (left - width, top + height / 2)))

    def _pointer(self) -> Shape:
        """The arrow of a mouse over the bridge: Claude uses the desktop."""
        left, top = self.wall + self.px(2), self.top
        height = self.road - top - self.px(1)
        # In shares of its height.
        corners = ((0, 0), (0, 0.84), (0.2, 0.66), (0.36, 1), (0.54, 0.92), (0.38, 0.59), (0.66, 0.59))
        return Polygon(ShapeRole.ALARM, tuple((left + x * height, top + y * height) for x, y in corners))

    def _warning(self) -> Iterator[Shape]:
        width = self.px(2)
        left = self.wall + math.floor((self.right - self.wall - width) / 2 + 0.5)
        foot = self.road - self.px(1)
        yield Box(ShapeRole.ALARM, left, self.top, left + width, foot - self.px(3))
        yield Box(ShapeRole.ALARM, left, foot - self.px(2), left + width, foot)

    def _cross(self) -> Iterator[Shape]:
        half = 0.95 * self.unit
        side = self.right - self.parapet - self.px(1.5) - 2 * half
        left, top = self.right - side - half, self.top + self.px(2) + half
        right, bottom = left + side, top + side
        yield Line(ShapeRole.ALARM, ((left, top), (right, bottom)), 2 * half)
        yield Line(ShapeRole.ALARM, ((left, bottom), (right, top)), 2 * half)

    def _water(self) -> Shape:
        y, rise = self.bottom - 0.6 * self.unit, 0.28 * self.unit
        start, end = self.parapet + 0.9 * self.unit, self.right - self.px(3) - 0.9 * self.unit
        steps = 24
        points = (
            (start + (end - start) * step / steps, y - rise * math.sin(step / steps * 4 * math.pi))
            for step in range(steps + 1)
        )
        return Line(ShapeRole.WATER, tuple(points), 0.6 * self.unit)


def _merlon_and_gap(unit: float) -> tuple[int, int]:
    """The widths in whole pixels of the battlement's three teeth and two gaps, which make up the tower's width."""
    pairs = [(gap + more, gap) for gap in range(1, max(2, math.ceil(unit) + 1)) for more in (0, 1)]
    return min(pairs, key=lambda pair: abs(3 * pair[0] + 2 * pair[1] - 5 * unit))


def _moved(shapes: Iterable[Shape], by: float) -> Iterator[Shape]:
    for shape in shapes:
        match shape:
            case Box():
                yield replace(
                    shape,
                    left=shape.left + by,
                    top=shape.top + by,
                    right=shape.right + by,
                    bottom=shape.bottom + by,
                )
            case Disc():
                yield replace(shape, centre=(shape.centre[0] + by, shape.centre[1] + by))
            case Polygon() | Line():
                yield replace(shape, points=tuple((x + by, y + by) for x, y in shape.points))
            case _:
                assert_never(shape)
