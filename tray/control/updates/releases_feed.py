"""Reads the newest published version from the project's releases feed on GitHub."""

import json
import re
from contextlib import closing
from typing import Any  # Any: what JSON holds
from urllib.parse import quote, urlsplit

from server.errors import DrawbridgeError

TIMEOUT_S = 15.0
# Ten releases with their files and notes take about a tenth of this.
MAX_BYTES = 4_000_000
_HEADERS = {"Accept": "application/vnd.github+json", "User-Agent": "Drawbridge"}
_TAG = re.compile(r"v?(\d{1,9}(?:\.\d{1,9}){0,3})")


class FeedUnreadable(DrawbridgeError):
    """The feed cannot be reached, or the response is not a list of releases."""

    title = "The update check failed"


def feed_for(repository: str | None) -> str | None:
    """The feed of https://github.com/OWNER/NAME; None for any other address."""
    parts = urlsplit(repository or "")
    steps = parts.path.strip("/").removesuffix(".git").split("/")
    if parts.scheme != "https" or parts.netloc != "github.com" or len(steps) != 2 or not all(steps):
        return None
    return f"https://api.github.com/repos/{'/'.join(steps)}/releases?per_page=10"


def page_for(repository: str | None, tag: str) -> str:
    """A release's page, built from the project's own address so that the feed cannot redirect the user."""
    return f"{(repository or '').rstrip('/').removesuffix('.git')}/releases/tag/{quote(tag)}"


def newest_tag(feed: str, proxy: str | None = None) -> str | None:
    """The tag of the newest release; None if there is none. Blocks up to `TIMEOUT_S`. Raises `FeedUnreadable`.

    `proxy` None: the system's, if it has one.
    """
    # Imported here: it takes 0.1 s and is used once a day at most.
    import http.client
    import urllib.request

    request = urllib.request.Request(feed, headers=_HEADERS)  # noqa: S310 # the address is the project's own
    by = urllib.request.ProxyHandler({"http": proxy, "https": proxy} if proxy else None)
    try:
        with closing(urllib.request.build_opener(by).open(request, timeout=TIMEOUT_S)) as response:
            body = response.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise FeedUnreadable("The response is too large for a releases feed.")
        return newest_in(json.loads(body))
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        raise FeedUnreadable(f"{type(error).__name__}: {error}.") from error


def newest_in(releases: Any) -> str | None:
    """The highest tag of the form v1.2.0, without drafts and pre-releases. Raises `FeedUnreadable`."""
    if not isinstance(releases, list) or not all(isinstance(release, dict) for release in releases):
        raise FeedUnreadable("The response is not a list of releases.")
    tags = [
        release["tag_name"]
        for release in releases
        if not release.get("draft") and not release.get("prerelease") and isinstance(release.get("tag_name"), str)
    ]
    return max(filter(is_release, tags), key=_numbers, default=None)


def is_release(tag: str) -> bool:
    """Whether `tag` is a version of the form v1.2.0 and not a pre-release."""
    return _TAG.fullmatch(tag) is not None


def version_of(tag: str) -> str:
    """The version as users write it: 1.2 for v1.2."""
    return tag.removeprefix("v")


def is_newer(tag: str, own: str) -> bool:
    """Whether `tag` is later than `own`; a pre-release comes before its release. False if either is unknown."""
    theirs, ours = _numbers(tag), _numbers(own)
    if not theirs or not ours:
        return False
    return theirs > ours or (theirs == ours and re.search(r"\d\.?(a|b|rc|dev)\d*", own) is not None)


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers without trailing zeros, so that 1.2 equals v1.2.0; empty if there are none."""
    found = _TAG.match(version)
    numbers = [int(number) for number in found[1].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
