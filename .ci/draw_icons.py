"""Draws the icon files in assets/ from tray/icon/drawing.py.

    python .ci/draw_icons.py            # into assets/, after changing the drawing
    python .ci/draw_icons.py --into X   # into another folder, to compare

icons/drawbridge.ico   the program and the installer on Windows
icons/drawbridge.icns  the app on macOS, with the margin of its Dock
icons/drawbridge.png   512 pixels, for Linux desktops
icons/drawbridge.svg   the same as vectors; web/icon.svg is a copy for the page
icons/states.png       all pictures at several sizes on light and dark panels, for review
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from tray.icon.drawing import Box, Disc, Line, Polygon, Shape, ShapeRole, app_drawing
from tray.icon.images import APP_COLOURS, app_image, image_for
from tray.model import Picture

ASSETS = Path(__file__).resolve().parents[1] / "assets"
ICO_SIZES = (16, 20, 24, 32, 40, 48, 64, 128, 256)
ICNS_SIZES = (16, 32, 64, 128, 256, 512, 1024)
DOCK_MARGIN = 100 / 1024
SVG_SIZE = 256
# Colours of common panels, with whether the icon knows that the panel is dark.
PANELS = (("#e9e9e7", False), ("#2b2d30", True), ("#f6f5f4", None), ("#2b2d30", None))


def draw_all(into: Path) -> None:
    """Writes every file below `into`."""
    icons, web = into / "icons", into / "web"
    for folder in (icons, web):
        folder.mkdir(parents=True, exist_ok=True)
    app_image(512).save(icons / "drawbridge.png", optimize=True)
    *small, large = (app_image(size) for size in ICO_SIZES)
    large.save(icons / "drawbridge.ico", sizes=[(size, size) for size in ICO_SIZES], append_images=small)
    *small, large = (app_image(size, margin=DOCK_MARGIN) for size in ICNS_SIZES)
    large.save(icons / "drawbridge.icns", append_images=small)
    for path in (icons / "drawbridge.svg", web / "icon.svg"):
        path.write_text(svg(app_drawing(SVG_SIZE), SVG_SIZE), "utf-8", newline="\n")
    states().save(icons / "states.png", optimize=True)


def svg(shapes: Iterable[Shape], size: int) -> str:
    """The shapes as an SVG. Cut-outs are painted in the colour of the tile."""
    colours = {**APP_COLOURS, ShapeRole.CUT: APP_COLOURS[ShapeRole.GROUND]}
    # As in the images, one layer for each role. Cuts come before the deck, which has none.
    order = (ShapeRole.GROUND, ShapeRole.WATER, ShapeRole.STONE, ShapeRole.CUT, ShapeRole.DECK)
    lines = [_element(shape, colours[shape.role]) for role in order for shape in shapes if shape.role is role]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" role="img" aria-label="Drawbridge">'
    return "\n".join((head, *(f"  {line}" for line in lines), "</svg>", ""))


def _element(shape: Shape, colour: str) -> str:
    match shape:
        case Box():
            box = f'x="{shape.left:g}" y="{shape.top:g}" width="{shape.right - shape.left:g}"'
            rounded = f' rx="{shape.radius:g}"' if shape.radius else ""
            return f'<rect {box} height="{shape.bottom - shape.top:g}"{rounded} fill="{colour}"/>'
        case Disc():
            x, y = shape.centre
            return f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{shape.radius:.2f}" fill="{colour}"/>'
        case Polygon():
            return f'<polygon points="{_points(shape.points)}" fill="{colour}"/>'
        case Line():
            stroke = f'stroke="{colour}" stroke-width="{shape.width:.2f}" stroke-linecap="round"'
            return f'<polyline points="{_points(shape.points)}" fill="none" {stroke} stroke-linejoin="round"/>'


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)


def states(sizes: tuple[int, ...] = (64, 48, 32, 24, 22, 16), zoom: int = 2) -> Image.Image:
    """All pictures at all sizes, enlarged by `zoom`, on panels of known and of unknown colour."""
    gap = 8
    width = sum((size * zoom + gap) for size in sizes) + gap
    height = (sizes[0] * zoom + gap) * len(Picture) + gap
    sheet = Image.new("RGB", (len(PANELS) * width, height))
    for column, (panel, dark) in enumerate(PANELS):
        sheet.paste(panel, (column * width, 0, (column + 1) * width, height))
        for row, picture in enumerate(Picture):
            x, bottom = column * width + gap, (row + 1) * (sizes[0] * zoom + gap)
            for size in sizes:
                image = image_for(picture, size, dark=dark).resize((size * zoom,) * 2, Image.Resampling.NEAREST)
                sheet.paste(image, (x, bottom - size * zoom), image)
                x += size * zoom + gap
    return sheet


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=ASSETS, help="the folder to write to")
    draw_all(parser.parse_args().into)
