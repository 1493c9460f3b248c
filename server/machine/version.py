"""The version of Drawbridge, the project's web addresses, and what installs updates."""

from server.machine.files.assets import asset

_NAME = "drawbridge-tray"
# System packages add this asset, with the name of what updates them, as in "apt".
MANAGED_BY = "MANAGED_BY"


def own_version() -> str:
    """Returns the version of Drawbridge, "0" if it is not installed."""
    # Lazy, here and below: it imports email and zipfile, and the icon should appear first.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(_NAME)
    except PackageNotFoundError:
        return "0"


def project_page() -> str | None:
    """Returns the project's web page from the package's metadata, if any."""
    return _address("homepage")


def repository() -> str | None:
    """Returns the repository's address from the package's metadata, if any."""
    return _address("repository")


def managed_by() -> str:
    """Returns the package system that updates Drawbridge here; empty if none does."""
    try:
        return asset(MANAGED_BY).read_text("utf-8").strip() or "a package system"
    except (OSError, ValueError):
        return ""


def _address(label: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        entries = metadata(_NAME).get_all("Project-URL") or []
    except PackageNotFoundError:
        return None
    named = {name.strip().lower(): url.strip() for name, _, url in (entry.partition(",") for entry in entries)}
    return named.get(label)
