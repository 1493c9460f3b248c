"""QR codes: a path of squares, of the size that the text needs, which a reader of barcodes reads."""

import re

import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from server.connect.qr_code import QrCode, qr_code

SCALE, MARGIN = 3, 4
_MODULE = re.compile(r"M(\d+) (\d+)h1v1h-1z")


def drawn(code: QrCode) -> Image.Image:
    image = Image.new("L", (code.size + 2 * MARGIN,) * 2, 255)
    for x, y in _MODULE.findall(code.path):
        image.putpixel((int(x) + MARGIN, int(y) + MARGIN), 0)
    return image.resize((image.width * SCALE,) * 2, Image.Resampling.NEAREST)


# Printable ASCII: what an address and a key consist of.
@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200))
def test_a_reader_reads_the_text(text: str) -> None:
    code = qr_code(f"http://192.168.1.7:8082/v1\n{text}")
    assert _MODULE.sub("", code.path) == ""
    (found,) = zxingcpp.read_barcodes(drawn(code))
    assert found.text == f"http://192.168.1.7:8082/v1\n{text}"


def test_a_longer_text_needs_a_larger_code_and_neither_shows_in_a_message() -> None:
    small, large = qr_code("x"), qr_code("x" * 200)
    assert small.size == 21 < large.size
    assert "M" not in repr(small)
