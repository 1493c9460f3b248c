"""Which version of Drawbridge this is, and where its project is found."""

from importlib.metadata import PackageNotFoundError, metadata, version

_NAME = "drawbridge-tray"


def own_version() -> str:
    """The version of Drawbridge, "0" where it was never installed."""
    try:
        return version(_NAME)
    except PackageNotFoundError:
        return "0"


def project_page() -> str | None:
    """The project's page on the web, as its package names it; None where it names none."""
    try:
        entries = metadata(_NAME).get_all("Project-URL") or []
    except PackageNotFoundError:
        return None
    return next((url.strip() for _, _, url in (entry.partition(",") for entry in entries)), None)
