"""Pictures that reach Claude byte for byte, and the way from their pixels back to the screen's.

Claude Code scales a picture with an edge over 2000 px without a word, and encodes one over about 480 kB again.
"""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.desktop_tools.actions import Picture, Point

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST = (1280, 800)
LARGEST_PNG = 450_000
_QUALITIES = (85, 70, 50, 30)


@dataclass(frozen=True, slots=True)
class Scale:
    """The sizes of the screen and of its picture, in pixels."""

    screen: tuple[int, int]
    picture: tuple[int, int]

    def to_screen(self, point: Point) -> Point:
        """The screen's pixel in the middle of what the picture's pixel shows."""
        (width, height), (across, down) = self.screen, self.picture
        return Point((2 * point.x + 1) * width // (2 * across), (2 * point.y + 1) * height // (2 * down))


def fitted(size: tuple[int, int]) -> tuple[int, int]:
    """The size of the picture of a screen or a part of it: at most 1280 by 800, in the same proportion."""
    width, height = size
    ratio = min(1.0, LARGEST[0] / width, LARGEST[1] / height)
    return max(1, round(width * ratio)), max(1, round(height * ratio))


def scale_of(screen: tuple[int, int]) -> Scale:
    """The scale of a picture of the whole screen."""
    return Scale(screen, fitted(screen))


def encoded(image: "Image") -> Picture:
    """The image scaled to fit, as PNG, or as JPEG where the PNG is over 450 kB."""
    scaled, size = image.convert("RGB"), fitted(image.size)
    if size != image.size:
        scaled = scaled.resize(size)
    data = _bytes(scaled, "PNG")
    if len(data) <= LARGEST_PNG:
        return Picture(data, "image/png")
    for quality in _QUALITIES:
        data = _bytes(scaled, "JPEG", quality=quality)
        if len(data) <= LARGEST_PNG:
            break
    return Picture(data, "image/jpeg")


def _bytes(image: "Image", kind: str, **options: int) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()
