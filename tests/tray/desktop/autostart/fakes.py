"""A fake Windows registry and a fake launchctl."""

from collections.abc import Iterator
from contextlib import contextmanager

from tray.desktop.autostart.macos import LABEL
from tray.desktop.autostart.windows import WindowsAutostart, WindowsRegistry


class FakeWinreg:
    """A fake of Python's module `winreg`."""

    HKEY_CURRENT_USER, KEY_SET_VALUE, REG_SZ = 1, 2, 1

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, object]] = {}
        self.fault: OSError | None = None

    @contextmanager
    def _key(self, path: str) -> Iterator[dict[str, object]]:
        if self.fault:
            raise self.fault
        if path not in self.keys:
            raise FileNotFoundError(2, path)
        yield self.keys[path]

    def OpenKey(self, root: int, path: str, *_: int) -> object:  # noqa: N802 # the module's own name
        return self._key(path)

    def CreateKey(self, root: int, path: str) -> object:  # noqa: N802
        self.keys.setdefault(path, {})
        return self._key(path)

    def QueryValueEx(self, key: dict[str, object], name: str) -> tuple[object, int]:  # noqa: N802
        if name not in key:
            raise FileNotFoundError(2, name)
        return key[name], 1

    def SetValueEx(self, key: dict[str, object], name: str, _: int, kind: int, value: object) -> None:  # noqa: N802
        assert kind == self.REG_SZ
        key[name] = value

    def DeleteValue(self, key: dict[str, object], name: str) -> None:  # noqa: N802
        if name not in key:
            raise FileNotFoundError(2, name)
        del key[name]


RUN, APPROVED = WindowsAutostart.RUN, WindowsAutostart.APPROVED


def windows(winreg: FakeWinreg, *command: str) -> WindowsAutostart:
    return WindowsAutostart(command or (r"C:\Program Files\Drawbridge\drawbridge.exe",), WindowsRegistry(winreg))


class Launchctl:
    """A fake of launchctl; `disabled`: the system's settings have disabled the agent."""

    def __init__(self) -> None:
        self.disabled = False
        self.calls: list[str] = []

    def __call__(self, *arguments: str) -> str:
        self.calls.append(arguments[0])
        if arguments[0] == "enable":
            assert arguments[1].endswith(f"/{LABEL}")
            self.disabled = False
        state = "disabled" if self.disabled else "enabled"
        return f'disabled services = {{\n\t"com.example" => disabled\n\t"{LABEL}" => {state}\n}}\n'
