import math
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import combinations, product
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageColor
from PIL.IcnsImagePlugin import IcnsImageFile
from PIL.IcoImagePlugin import IcoImageFile

from server.machine.files.assets import asset
from tray.icon.drawing import ShapeRole
from tray.icon.images import ON_DARK, ON_LIGHT, app_image, image_for
from tray.model import Picture

ROOT = Path(__file__).resolve().parents[3]
# The sizes that panels request; the odd ones come from scaled displays.
SIZES = (16, 18, 20, 22, 24, 28, 32, 36, 40, 44, 48, 64, 128, 256)
LIGHT_PANELS, DARK_PANELS = ("#ffffff", "#e9e9e7"), ("#000000", "#2b2d30")


def alpha(picture: Picture, size: int) -> Image.Image:
    """The shape alone, as in the macOS template."""
    return image_for(picture, size, dark=False, template=True).getchannel("A")


def difference(one: Image.Image, other: Image.Image) -> float:
    """The number of differing pixels, weighted by coverage."""
    counts = ImageChops.difference(one, other).histogram()
    return sum(value * count for value, count in enumerate(counts)) / 255


def luminance(colour: str) -> float:
    channels = [value / 255 for value in ImageColor.getrgb(colour)[:3]]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def pictures(path: Path) -> dict[object, bytes]:
    """The pixels of all pictures in a file, by size."""
    with Image.open(path) as image:
        if isinstance(image, IcnsImageFile):
            return {size: image.icns.getimage(size).convert("RGBA").tobytes() for size in image.info["sizes"]}
        if isinstance(image, IcoImageFile):
            return {size: image.ico.getimage(size).convert("RGBA").tobytes() for size in image.info["sizes"]}
        return {image.size: image.convert("RGBA").tobytes()}


class TestShapes:
    def test_pictures_differ_in_shape_not_only_in_colour(self) -> None:
        # At 16 pixels, 14 of the 256; in larger sizes the same share of the area.
        too_similar = [
            (size, one.value, other.value)
            for size in SIZES
            for one, other in combinations(Picture, 2)
            if difference(alpha(one, size), alpha(other, size)) < 14 * (size / 16) ** 2
        ]
        assert too_similar == []

    def test_at_16_pixels_a_raised_bridge_leaves_the_water_free(self) -> None:
        def inked(picture: Picture, box: tuple[int, int, int, int]) -> bool:
            return alpha(picture, 16).crop(box).getextrema()[1] > 128  # type: ignore[operator] # one band

        over_the_moat, in_the_air = (9, 11, 12, 13), (12, 5, 15, 9)
        assert {picture: inked(picture, over_the_moat) for picture in list(Picture)[:3]} == {
            Picture.RAISED: False,
            Picture.HALF: False,
            Picture.LOWERED: True,
        }
        assert [inked(picture, in_the_air) for picture in list(Picture)[:3]] == [False, True, False]

    @pytest.mark.parametrize("picture", Picture)
    def test_the_drawing_fills_its_square_up_to_a_margin(self, picture: Picture) -> None:
        for size in SIZES:
            box = alpha(picture, size).point(lambda value: 255 if value > 40 else 0).getbbox()
            margin = max(1, math.ceil(size / 16 - 0.5))
            assert box == (margin, margin, size - margin, size - margin), size

    @pytest.mark.parametrize("size", [16, 22, 24])
    def test_walls_and_road_lie_on_pixel_borders(self, size: int) -> None:
        shape = alpha(Picture.TRAFFIC, size)
        tower = shape.crop((0, size // 2, size // 3, size - 2)).histogram()
        assert sum(tower[1:255]) == 0
        assert tower[255] > 0
        road = shape.crop((size // 2, size - 6, size, size)).histogram()
        assert sum(road[1:255]) <= 2

    def test_drawing_is_deterministic(self) -> None:
        for picture in Picture:
            one, other = (image_for(picture, 22, dark=True) for _ in range(2))
            assert one.tobytes() == other.tobytes()


class TestColours:
    @pytest.mark.parametrize("size", [16, 32])
    @pytest.mark.parametrize("picture", Picture)
    def test_a_template_is_black_with_alpha(self, picture: Picture, size: int) -> None:
        image = image_for(picture, size, dark=True, template=True)
        assert image.mode == "RGBA"
        assert [image.getchannel(band).getextrema() for band in "RGB"] == [(0, 0)] * 3
        assert image.getchannel("A").getextrema() == (0, 255)

    @pytest.mark.parametrize("dark", [True, False])
    @pytest.mark.parametrize("picture", Picture)
    def test_colours_do_not_change_the_shape(self, picture: Picture, dark: bool) -> None:
        shown = image_for(picture, 24, dark=dark).getchannel("A")
        extremes = ImageChops.difference(shown, alpha(picture, 24)).getextrema()
        # Where two colours meet inside a pixel, two layers cover it a little less than one.
        assert extremes[1] <= 64  # type: ignore[operator] # one band

    @pytest.mark.parametrize("role", [ShapeRole.STONE, ShapeRole.DECK, ShapeRole.TRAFFIC, ShapeRole.ALARM])
    def test_every_colour_has_contrast_on_its_panels(self, role: ShapeRole) -> None:
        # The accessibility guidelines require 3 for pictures and 4.5 for text.
        assert min(contrast(ON_LIGHT[role], panel) for panel in LIGHT_PANELS) >= 4.2
        assert min(contrast(ON_DARK[role], panel) for panel in DARK_PANELS) >= 4.5

    @pytest.mark.parametrize("panel", ["#ffffff", "#f6f5f4", "#c0c0c0", "#808080", "#2b2d30", "#000000"])
    @pytest.mark.parametrize("size", [16, 22, 24, 32, 64])
    def test_on_an_unknown_panel_the_whole_shape_is_seen(self, size: int, panel: str) -> None:
        for picture in Picture:
            image = image_for(picture, size, dark=None)
            shown = Image.new("RGBA", image.size, panel)
            shown.alpha_composite(image)
            seen = Image.new("L", image.size)
            for x, y in product(range(size), repeat=2):
                if contrast("#{:02x}{:02x}{:02x}".format(*shown.getpixel((x, y))[:3]), panel) >= 2.5:  # type: ignore[index] # four bands
                    seen.putpixel((x, y), 255)
            found, whole = seen.getbbox(), alpha(picture, size).point(lambda value: 255 if value > 40 else 0).getbbox()
            assert found is not None
            assert whole is not None
            assert all(abs(one - other) <= max(1, size / 16) for one, other in zip(found, whole, strict=True)), picture
            # More than a few dots: the tower's wall or its outline.
            assert seen.crop((0, 0, size // 2, size)).histogram()[255] >= 0.1 * size**2

    def test_the_outline_leaves_the_picture_as_it_is(self) -> None:
        for picture in Picture:
            plain, outlined = (image_for(picture, 24, dark=dark) for dark in (True, None))
            opaque = plain.getchannel("A").point(lambda value: 255 if value == 255 else 0)
            change = ImageChops.difference(plain.convert("RGB"), outlined.convert("RGB"))
            assert ImageChops.multiply(change, opaque.convert("RGB")).getbbox() is None


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files as the script draws them now."""
    into = tmp_path_factory.mktemp("drawn")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "draw_icons.py"), "--into", str(into)], check=True, env=environment
    )
    return into


class TestFiles:
    @pytest.mark.parametrize("name", ["icons/drawbridge.svg", "web/icon.svg"])
    def test_the_vector_files_are_up_to_date(self, drawn: Path, name: str) -> None:
        assert asset(name).read_text("utf-8") == (drawn / name).read_text("utf-8")
        root = ET.fromstring(asset(name).read_text("utf-8"))
        assert root.attrib["viewBox"] == "0 0 256 256"

    @pytest.mark.parametrize("name", ["drawbridge.png", "drawbridge.ico", "drawbridge.icns", "states.png"])
    def test_the_pixel_files_are_up_to_date(self, drawn: Path, name: str) -> None:
        # Compares pixels: another version of a compressor writes other bytes.
        assert pictures(asset(f"icons/{name}")) == pictures(drawn / "icons" / name)

    def test_each_size_for_windows_and_macos_is_drawn_separately(self) -> None:
        ico, icns = pictures(asset("icons/drawbridge.ico")), pictures(asset("icons/drawbridge.icns"))
        assert set(ico) == {(size, size) for size in (16, 20, 24, 32, 40, 48, 64, 128, 256)}
        for size in (16, 24, 48):
            assert ico[size, size] == app_image(size).tobytes()
        assert {(16, 16, 2), (32, 32, 2), (128, 128, 1), (256, 256, 1), (512, 512, 1), (512, 512, 2)} <= set(icns)
        assert icns[16, 16, 2] == app_image(32, margin=100 / 1024).tobytes()

    def test_the_macos_icon_has_the_margin_of_the_dock(self) -> None:
        assert app_image(1024, margin=100 / 1024).getbbox() == (100, 100, 924, 924)
        assert app_image(1024).getbbox() == (0, 0, 1024, 1024)
