"""Finds a tunnel's program, and names the command that installs it."""

import platform
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Where installers put programs, besides the folders of PATH: an app that is started by a double click has a short one.
_POSIX = ("/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/snap/bin")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


@dataclass(frozen=True, slots=True)
class Program:
    """A program by its `name`. `places` are full paths where it may be, `install` the command for each system."""

    name: str
    install: Mapping[str, str]
    places: tuple[str, ...] = field(default=())

    def find(self, environ: Mapping[str, str]) -> Path | None:
        """Its path on this computer, if it is installed."""
        home = environ.get("HOME") or environ.get("USERPROFILE") or ""
        own = (f"{home}/.local/bin",) if home else ()
        extra = (*own, *_POSIX) if sys.platform != "win32" else (_winget_links(environ),)
        for folders in (environ.get("PATH", ""), ":".join(extra) if sys.platform != "win32" else extra[0]):
            found = shutil.which(self.name, path=folders) if folders else None
            if found is not None:
                return Path(found)
        return next((Path(place) for place in self.places if Path(place).is_file()), None)

    @property
    def install_command(self) -> str:
        """The command that installs it on this system."""
        command = self.install.get(sys.platform, self.install["linux"])
        return command.replace("MACHINE", _MACHINES.get(platform.machine().lower(), "amd64"))


def _winget_links(environ: Mapping[str, str]) -> str:
    local = environ.get("LOCALAPPDATA", "")
    return f"{local}\\Microsoft\\WinGet\\Links" if local else ""


CLOUDFLARED = Program(
    "cloudflared",
    {
        "win32": "winget install Cloudflare.cloudflared",
        "darwin": "brew install cloudflared",
        "linux": "mkdir -p ~/.local/bin && curl -fL -o ~/.local/bin/cloudflared "
        "https://github.com/cloudflare/cloudflared/releases/latest/download/cloudflared-linux-MACHINE "
        "&& chmod +x ~/.local/bin/cloudflared",
    },
    (r"C:\Program Files (x86)\cloudflared\cloudflared.exe", r"C:\Program Files\cloudflared\cloudflared.exe"),
)
TAILSCALE = Program(
    "tailscale",
    {
        "win32": "winget install Tailscale.Tailscale",
        "darwin": "brew install --cask tailscale-app",
        "linux": "curl -fsSL https://tailscale.com/install.sh | sh",
    },
    ("/Applications/Tailscale.app/Contents/MacOS/Tailscale", r"C:\Program Files\Tailscale\tailscale.exe"),
)
NGROK = Program(
    "ngrok",
    {"win32": "winget install Ngrok.Ngrok", "darwin": "brew install ngrok", "linux": "sudo snap install ngrok"},
)
SSH = Program(
    "ssh",
    {
        "win32": "Add-WindowsCapability -Online -Name OpenSSH.Client~~~~0.0.1.0",
        "darwin": "brew install openssh",
        "linux": "sudo apt install openssh-client",
    },
    (r"C:\Windows\System32\OpenSSH\ssh.exe",),
)
