"""Which version of Drawbridge this is."""

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """The version of Drawbridge, "0" where it was never installed."""
    try:
        return version("drawbridge-tray")
    except PackageNotFoundError:
        return "0"
