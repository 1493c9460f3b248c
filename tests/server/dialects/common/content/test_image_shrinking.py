"""Images that Claude's API would refuse for their size are made smaller."""

import base64
import io
import random
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from server.conversation.parts import Image as Part
from server.dialects.chat_completions.request import parse_chat, request_from_chat
from server.dialects.common.content.attachments import image_from_base64
from server.dialects.common.content.image_shrinking import MAX_BYTES, MAX_SIDE, shrunk_image
from server.errors import InvalidRequest


def noise(width: int, height: int, mode: str = "RGB") -> Any:
    data = random.Random(1).randbytes(width * height * len(mode))
    return Image.frombytes(mode, (width, height), data)


def saved(image: Any, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def opened(content: bytes) -> Any:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def shrunk(content: bytes) -> tuple[str, Any, bytes]:
    result = shrunk_image(content)
    assert result is not None
    assert len(result[1]) <= MAX_BYTES
    return result[0], opened(result[1]), result[1]


def test_a_photograph_becomes_a_jpeg_that_the_api_takes() -> None:
    kind, image, content = shrunk(saved(noise(3000, 1500), "JPEG", quality=95))
    assert (kind, image.format, image.size) == ("image/jpeg", "JPEG", (MAX_SIDE, MAX_SIDE // 2))
    assert shrunk_image(saved(noise(3000, 1500), "JPEG", quality=95)) == (kind, content)


def test_a_large_file_of_few_pixels() -> None:
    content = saved(noise(1250, 1250), "PNG")
    assert len(content) > 4_000_000
    kind, image, _ = shrunk(content)
    assert (kind, image.size) == ("image/jpeg", (1250, 1250))


def test_a_drawing_stays_a_png() -> None:
    kind, image, _ = shrunk(saved(Image.new("RGB", (9000, 100), "white"), "PNG"))
    assert (kind, image.size) == ("image/png", (MAX_SIDE, 22))


def test_transparency_is_kept_or_becomes_white() -> None:
    kind, image, _ = shrunk(saved(Image.new("RGBA", (9000, 50), (0, 0, 0, 0)), "PNG"))
    assert (kind, image.mode) == ("image/png", "RGBA")
    clear = noise(1500, 1500, "RGBA")
    clear.paste((9, 9, 9, 0), (0, 0, 200, 200))
    kind, image, _ = shrunk(saved(clear, "PNG"))
    assert (kind, image.mode) == ("image/jpeg", "RGB")
    assert min(image.getpixel((50, 50))) > 240


def test_the_orientation_is_applied() -> None:
    picture = Image.new("RGB", (400, 200), "blue")
    picture.paste("red", (0, 0, 200, 200))
    exif = Image.Exif()
    exif[0x0112] = 6
    _, image, _ = shrunk(saved(picture, "JPEG", exif=exif))
    assert image.size == (200, 400)
    top = image.getpixel((100, 50))
    assert top[0] > top[2]
    assert 0x0112 not in image.getexif()


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1"])
def test_other_modes(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert shrunk(saved(Image.new(mode, (9000, 20)), kind))[1].width == MAX_SIDE


def test_an_animation_is_its_first_frame() -> None:
    frames = [Image.new("RGB", (300, 300), colour) for colour in ("red", "blue")]
    _, image, _ = shrunk(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert getattr(image, "n_frames", 1) == 1


def bomb() -> bytes:
    """A PNG of 225 million pixels whose header alone is read."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 15000, 15000, 8, 0, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    chunks = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, data, b"IEND"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", saved(noise(600, 600), "PNG")[:5000], bomb()])
def test_what_cannot_be_decoded(content: bytes) -> None:
    assert shrunk_image(content) is None


def test_a_small_image_is_unchanged() -> None:
    data = base64.b64encode(saved(noise(500, 500), "PNG")).decode()
    assert image_from_base64(data, None, "p") == Part("image/png", data)


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("JPEG", {}), ("GIF", {}), ("WEBP", {"lossless": True})])
def test_too_many_pixels_on_one_side(kind: str, options: dict[str, Any]) -> None:
    for size in ((8001, 10), (10, 8001)):
        data = base64.b64encode(saved(Image.new("RGB", size), kind, **options)).decode()
        found = image_from_base64(data, None, "p")
        assert isinstance(found, Part)
        assert found.shrunk_at == "p"
    data = base64.b64encode(saved(Image.new("RGB", (8000, 10)), kind, **options)).decode()
    assert image_from_base64(data, None, "p") == Part(f"image/{kind.lower()}", data)


def test_the_request_names_it() -> None:
    data = base64.b64encode(saved(Image.new("RGB", (9000, 10)), "PNG")).decode()
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    chat = parse_chat({"messages": [{"role": "user", "content": ["Look", part]}]})
    request = request_from_chat(chat, owner="me")
    assert request.ignored == ("messages[0].content[1].image_url (shrunk)",)


def test_a_bomb_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="cannot be made smaller"):
        image_from_base64(base64.b64encode(bomb()).decode(), None, "p")
