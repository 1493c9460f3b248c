"""Renders the drawing as an image: for a light, a dark or an unknown panel, or as a template for macOS."""

from collections.abc import Iterable, Mapping
from typing import assert_never

from PIL import Image, ImageDraw, ImageFilter

from tray.icon.drawing import Box, Disc, Line, Polygon, Shape, ShapeRole, app_drawing, drawing_for
from tray.model import Picture

__all__ = ["APP_COLOURS", "app_image", "image_for"]

ON_LIGHT: Mapping[ShapeRole, str] = {
    ShapeRole.STONE: "#1d333c",
    ShapeRole.DECK: "#a35505",
    ShapeRole.TRAFFIC: "#0f6b87",
    ShapeRole.ALARM: "#c0261a",
}
ON_DARK: Mapping[ShapeRole, str] = {
    ShapeRole.STONE: "#f4efe6",
    ShapeRole.DECK: "#f2b04e",
    ShapeRole.TRAFFIC: "#7fd0e8",
    ShapeRole.ALARM: "#ff8a75",
}
APP_COLOURS: Mapping[ShapeRole, str] = {
    ShapeRole.GROUND: "#1f4e5f",
    ShapeRole.WATER: "#7fc3d8",
    ShapeRole.STONE: "#f4efe6",
    ShapeRole.DECK: "#e8a64a",
}
# The outline on panels of unknown colour: it is seen on light ones, and the shapes are seen on dark ones.
OUTLINE = ON_LIGHT[ShapeRole.STONE]
_TEMPLATE: Mapping[ShapeRole, str] = dict.fromkeys(ShapeRole, "#000000")
# Antialiasing: paints this many times larger, then averages, which gives 256 steps at the edges.
_OVERSAMPLING = 16
_MAX_WIDTH = 4096


def image_for(picture: Picture, size: int, *, dark: bool | None, template: bool = False) -> Image.Image:
    """The tray icon as an RGBA square. `dark` None: the panel is unknown, so the light icon gets a dark outline.

    `template`: black with alpha, which macOS paints in its menu bar's colours.
    """
    image = _painted(
        drawing_for(picture, size), size, _TEMPLATE if template else ON_LIGHT if dark is False else ON_DARK
    )
    return _outlined(image) if dark is None and not template else image


def _outlined(image: Image.Image) -> Image.Image:
    """`image` over its shape in `OUTLINE`, widened by about a sixteenth, which the drawing's margin has room for."""
    size, over = image.width, 4
    radius = max(1, round(over * size / 18))
    shape = image.getchannel("A").resize((size * over, size * over), Image.Resampling.NEAREST)
    outline = Image.new("RGBA", image.size, OUTLINE)
    outline.putalpha(shape.filter(ImageFilter.MaxFilter(2 * radius + 1)).reduce(over))
    return Image.alpha_composite(outline, image)


def app_image(size: int, *, margin: float = 0.0) -> Image.Image:
    """The app's icon as an RGBA square of `size` pixels; `margin` as in `app_drawing`."""
    return _painted(app_drawing(size, margin=margin), size, APP_COLOURS)


def _painted(shapes: Iterable[Shape], size: int, colours: Mapping[ShapeRole, str]) -> Image.Image:
    """Paints one layer for each role. Cut-outs show the layer below: the tile, or nothing."""
    over = max(1, min(_OVERSAMPLING, _MAX_WIDTH // size))
    all_shapes = tuple(shapes)
    image = Image.new("RGBA", (size, size))
    for role in dict.fromkeys(shape.role for shape in all_shapes if shape.role is not ShapeRole.CUT):
        mask = Image.new("L", (size * over, size * over))
        draw = ImageDraw.Draw(mask)
        for shape in all_shapes:
            if shape.role is role:
                _paint(draw, shape, over, 255)
            elif shape.role is ShapeRole.CUT and role is not ShapeRole.GROUND:
                _paint(draw, shape, over, 0)
        layer = Image.new("RGBA", (size, size), colours[role])
        layer.putalpha(mask.reduce(over))
        image = Image.alpha_composite(image, layer)
    return image


def _paint(draw: ImageDraw.ImageDraw, shape: Shape, over: int, fill: int) -> None:
    match shape:
        case Box():
            # Pillow includes the last row and column of rectangles and ellipses.
            corners = (shape.left * over, shape.top * over, shape.right * over - 1, shape.bottom * over - 1)
            draw.rounded_rectangle(corners, shape.radius * over, fill=fill)
        case Polygon():
            draw.polygon([(x * over, y * over) for x, y in shape.points], fill=fill)
        case Disc():
            _disc(draw, shape.centre, shape.radius, over, fill)
        case Line():
            draw.line(
                [(x * over, y * over) for x, y in shape.points],
                fill=fill,
                width=round(shape.width * over),
                joint="curve",
            )
            for end in (shape.points[0], shape.points[-1]):
                _disc(draw, end, shape.width / 2, over, fill)
        case _:
            assert_never(shape)


def _disc(draw: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, over: int, fill: int) -> None:
    x, y, r = (value * over for value in (*centre, radius))
    draw.ellipse((x - r, y - r, x + r - 1, y + r - 1), fill=fill)
