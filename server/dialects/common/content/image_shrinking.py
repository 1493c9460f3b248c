"""Makes an image smaller that Claude's API would refuse for its size. Runs for a second or so: call it in a thread."""

import io
import threading
from contextlib import suppress
from typing import Any  # Pillow's images before and after a conversion

# Claude's API makes larger images smaller itself, so nothing is lost for Claude.
MAX_SIDE = 2000
# Above about 3 MB Claude Code would encode the image again.
MAX_BYTES = 2_200_000
# A file of a few kilobytes can contain more pixels than fit into memory.
MAX_PIXELS = 100_000_000
_QUALITIES = (90, 80, 65, 50)
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_WITH_ALPHA = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})

# One at a time, because an image takes hundreds of megabytes while it is decoded.
_lock = threading.Lock()


def shrunk_image(content: bytes) -> tuple[str, bytes] | None:
    """Returns the media type and the bytes of a smaller image; None if `content` cannot be decoded.

    The image is turned as its EXIF orientation says. Only the first frame of an animation is kept. A PNG stays a PNG if
    it becomes small enough. The same bytes give the same result, so the conversation that contains them stays equal.
    """
    with _lock, suppress(OSError, ValueError, SyntaxError, MemoryError, OverflowError, EOFError):
        return _shrunk(content)
    return None


def _shrunk(content: bytes) -> tuple[str, bytes] | None:
    from PIL import Image, ImageOps

    # We check the size ourselves; Pillow's own check writes warnings.
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
        if opened.width * opened.height > MAX_PIXELS:
            return None
        is_png = opened.format == "PNG"
        # A JPEG is decoded at an eighth to a half of its size if that is enough.
        opened.draft("RGB", (MAX_SIDE, MAX_SIDE))
        image: Any = ImageOps.exif_transpose(opened)
        has_alpha = image.mode in _WITH_ALPHA or "transparency" in image.info
        image = image.convert("RGBA" if has_alpha else "RGB")
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    if is_png or has_alpha:
        png = _saved(image, "PNG")
        if len(png) <= MAX_BYTES:
            return "image/png", png
    if has_alpha:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    for quality in _QUALITIES:
        jpeg = _saved(image, "JPEG", quality=quality)
        if len(jpeg) <= MAX_BYTES:
            break
    return "image/jpeg", jpeg


def _saved(image: Any, kind: str, **options: int) -> bytes:
    out = io.BytesIO()
    # Without EXIF data, which would turn the image a second time.
    image.save(out, kind, exif=b"", **options)
    return out.getvalue()
