"""Which version of Drawbridge this is, where its project is found, and who brings new versions of it."""

from server.machine.assets import asset

_NAME = "drawbridge-tray"
# Packages of a system put it among the assets, with the name of what updates them, as in "apt".
MANAGED_BY = "MANAGED_BY"


def own_version() -> str:
    """The version of Drawbridge, "0" where it was never installed."""
    # Lazy, here and below: it brings e-mail and zip files along, and the icon is to be seen first.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(_NAME)
    except PackageNotFoundError:
        return "0"


def project_page() -> str | None:
    """The project's page on the web, as its package names it; None where it names none."""
    return _address("homepage")


def repository() -> str | None:
    """Where the project keeps its source and its releases, as its package names it; None where it names none."""
    return _address("repository")


def managed_by() -> str:
    """What brings new versions to this computer, if that is a package system; else empty."""
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
