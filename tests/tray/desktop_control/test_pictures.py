"""Pictures of a real screen, pixel by pixel."""

import io

import pytest
from PIL import Image

from server.desktop_tools.actions import Click, Picture, Point, Screenshot, ToolError, Zoom
from server.desktop_tools.session import ComputerSession, Consent
from tests.tray.desktop_control.xprograms import NotingWindow
from tray.desktop_control import LocalDesktop


def image(picture: Picture | None) -> Image.Image:
    assert picture is not None
    assert picture.media_type == "image/png"
    return Image.open(io.BytesIO(picture.data)).convert("RGB")


async def test_a_zoom_has_the_pixels_of_the_screen(local_desktop: LocalDesktop, display: str) -> None:
    with NotingWindow(display, 100, 100, 4, 2) as window:
        for place, colour in enumerate((0xFF0000, 0x00FF00, 0x0000FF, 0x123456)):
            window.fill(colour, place, 0, 1, 1)
        outcome = await local_desktop.perform(Zoom(Point(99, 100), Point(105, 102)))
    black, white = (0, 0, 0), (255, 255, 255)
    colours = [black, (255, 0, 0), (0, 255, 0), (0, 0, 255), (0x12, 0x34, 0x56), black]
    picture = image(outcome.picture)
    assert picture.size == (6, 2)
    assert [picture.getpixel((x, 0)) for x in range(6)] == colours
    assert [picture.getpixel((x, 1)) for x in range(6)] == [black, white, white, white, white, black]


async def test_the_middle_of_what_a_screenshot_shows_is_where_a_click_lands(
    local_desktop: LocalDesktop, display: str
) -> None:
    """The screen is 1600 by 1000, its picture 1280 by 800."""

    async def yes(_: str) -> Consent:
        return "session"

    assert local_desktop.screen == (1600, 1000)
    session = ComputerSession(local_desktop, yes)
    with NotingWindow(display, 1000, 500, 100, 50) as window:
        window.fill(0xFF0000, 0, 0, 100, 50)
        picture = image((await session.call("screenshot", {})).picture)
        assert picture.size == (1280, 800)
        # All else is black.
        left, top, right, bottom = picture.getbbox() or (0, 0, 0, 0)
        first, last = (left + 1, top + 1), (right - 2, bottom - 2)
        assert [abs(left - 800) <= 1, abs(top - 400) <= 1] == [True, True]
        for spot in (first, last):
            window.notes()
            assert not (await session.call("left_click", {"coordinate": list(spot)})).is_error
            _, _, x, y = next(note for note in window.notes() if note[0] == "down")
            assert [abs(x - (spot[0] - 800) * 1.25) <= 1, abs(y - (spot[1] - 400) * 1.25) <= 1] == [True, True]


async def test_points_of_a_picture_of_another_size_are_refused(local_desktop: LocalDesktop) -> None:
    local_desktop._size = (640, 480)
    with pytest.raises(ToolError, match="another size"):
        await local_desktop.perform(Click(Point(5, 5)))
    await local_desktop.perform(Screenshot())
    assert local_desktop.screen == (1600, 1000)
    assert not (await local_desktop.perform(Click(Point(5, 5)))).is_error
