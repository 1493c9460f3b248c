"""Real pictures, as small as they get."""

import io

from PIL import Image


def picture(kind: str) -> bytes:
    """A picture of the media type `kind`."""
    made = io.BytesIO()
    Image.new("RGB", (3, 2), (200, 10, 10)).save(made, kind.removeprefix("image/").upper())
    return made.getvalue()


PICTURES = {kind: picture(kind) for kind in ("image/png", "image/jpeg", "image/gif", "image/webp")}
PNG = PICTURES["image/png"]
