"""Fixtures for tests of the controller: scenes with a fake server, and their end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port
from tests.tray.control.scenes import MakeScene
from tests.tray.scene import Scene


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeScene]:
    """Makes scenes with a free port in their settings file, and quits them."""
    scenes: list[Scene] = []

    def made(text: str | None = None, **more: Any) -> Scene:
        scene = Scene(tmp_path / str(len(scenes)), **more)
        scene.write(f"port = {free_port()}\n" if text is None else text)
        scenes.append(scene)
        return scene

    yield made
    for scene in scenes:
        scene.end()


@pytest.fixture
def scene(make: MakeScene) -> Scene:
    return make().running()
