"""Chooses the login entry of this system, and the command that it starts."""

import importlib
import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from tray.desktop.autostart.entry import OPEN, Autostart


def autostart_for(
    platform: str = sys.platform,
    environ: Mapping[str, str] = os.environ,
    command: Sequence[str] | None = None,
    arguments: Sequence[str] = (),
) -> Autostart:
    """The login entry of this system for `command` (None: the program that is running) with these `arguments`."""
    command = command_here(platform=platform, environ=environ) if command is None else command
    if arguments:
        # `open` passes on only what follows --args.
        command = (*command, *(("--args",) if command[0] == OPEN else ()), *arguments)
    # Lazy: each imports modules that only its own system needs, and the icon should appear first.
    if platform == "win32":
        from tray.desktop.autostart.windows import WindowsAutostart, WindowsRegistry

        return WindowsAutostart(command, WindowsRegistry(importlib.import_module("winreg")))
    if platform == "darwin":
        from tray.desktop.autostart.macos import MacAutostart, run_launchctl

        return MacAutostart(command, Path.home() / "Library" / "LaunchAgents", run_launchctl)
    from tray.desktop.autostart.linux import XdgAutostart

    config = environ.get("XDG_CONFIG_HOME") or ""
    folder = Path(config) if Path(config).is_absolute() else Path.home() / ".config"
    # Some desktops start their panel last, and some have no tray: then no window should open at each login.
    return XdgAutostart((*command, "--background"), folder / "autostart")


def command_here(
    *,
    executable: str = sys.executable,
    frozen: bool = bool(getattr(sys, "frozen", False)),
    platform: str = sys.platform,
    environ: Mapping[str, str] = os.environ,
    scripts: str = sysconfig.get_path("scripts"),
) -> tuple[str, ...]:
    """The command that starts this program again, with absolute paths."""
    if frozen:
        # An AppImage runs from a mount that is gone after logout.
        if platform == "linux" and environ.get("APPIMAGE"):
            return (environ["APPIMAGE"],)
        if platform == "win32":
            # drawbridge.exe would open a console window.
            windowed = Path(executable).with_name("drawbridgew.exe")
            return (str(windowed if windowed.exists() else executable),)
        bundle = next((str(folder) for folder in Path(executable).parents if folder.suffix == ".app"), None)
        # Opened as a bundle, macOS shows it as an app and starts only one.
        return (OPEN, "-g", bundle) if platform == "darwin" and bundle else (executable,)
    if platform == "win32":
        # The script would open a console window.
        windowed = Path(executable).with_name("pythonw.exe")
        return (str(windowed if windowed.exists() else executable), "-m", "tray")
    script = Path(scripts) / "drawbridge"
    return (str(script),) if script.exists() else (executable, "-m", "tray")
