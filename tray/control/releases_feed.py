"""Asks the project's releases feed which version is the newest that was published for everybody."""

import json
import re
from contextlib import closing
from typing import Any  # Any: what JSON holds
from urllib.parse import quote, urlsplit

from server.errors import DrawbridgeError

TIMEOUT_S = 15.0
# Ten releases with all their files and notes are a tenth of it.
LONGEST = 4_000_000
_HEADERS = {"Accept": "application/vnd.github+json", "User-Agent": "Drawbridge"}
_TAG = re.compile(r"v?(\d{1,9}(?:\.\d{1,9}){0,3})")


class FeedUnreadable(DrawbridgeError):
    """The feed was not reached, or what came is none."""

    title = "New versions are not known"


def feed_for(repository: str | None) -> str | None:
    """The feed of a repository on GitHub, https://github.com/OWNER/NAME; None for any other address.

    See https://docs.github.com/rest/releases/releases#list-releases.
    """
    parts = urlsplit(repository or "")
    steps = parts.path.strip("/").removesuffix(".git").split("/")
    if parts.scheme != "https" or parts.netloc != "github.com" or len(steps) != 2 or not all(steps):
        return None
    return f"https://api.github.com/repos/{'/'.join(steps)}/releases?per_page=10"


def page_for(repository: str | None, tag: str) -> str:
    """The page of a release. Made of what we know ourselves, so that a feed cannot lead anywhere else."""
    return f"{(repository or '').rstrip('/').removesuffix('.git')}/releases/tag/{quote(tag)}"


def newest_tag(feed: str) -> str | None:
    """The tag of the newest release; None where there is none yet. May take `TIMEOUT_S`. Raises `FeedUnreadable`."""
    # Lazy: 0.1 s, once a day at most.
    import http.client
    import urllib.request

    request = urllib.request.Request(feed, headers=_HEADERS)  # noqa: S310 # the address is the project's own
    try:
        with closing(urllib.request.urlopen(request, timeout=TIMEOUT_S)) as answer:  # noqa: S310
            text = answer.read(LONGEST + 1)
        if len(text) > LONGEST:
            raise FeedUnreadable("What came is too long for a feed of releases.")
        return newest_in(json.loads(text))
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        raise FeedUnreadable(f"{type(error).__name__}: {error}.") from error


def newest_in(releases: Any) -> str | None:
    """The highest of the tags that are plain versions, as v1.2.0; drafts and pre-releases do not count.

    Raises `FeedUnreadable` for what is no list of releases.
    """
    if not isinstance(releases, list) or not all(isinstance(release, dict) for release in releases):
        raise FeedUnreadable("What came is no list of releases.")
    tags = [
        release["tag_name"]
        for release in releases
        if not release.get("draft") and not release.get("prerelease") and isinstance(release.get("tag_name"), str)
    ]
    return max(filter(is_release, tags), key=_numbers, default=None)


def is_release(tag: str) -> bool:
    """Whether `tag` is a plain version, as in v1.2.0: neither a pre-release nor anything else."""
    return _TAG.fullmatch(tag) is not None


def version_of(tag: str) -> str:
    """What a person calls it: v1.2 is version 1.2."""
    return tag.removeprefix("v")


def is_newer(tag: str, own: str) -> bool:
    """Whether `tag` is a later version than `own`; a pre-release is before what it prepares. Unknown ones never are."""
    theirs, ours = _numbers(tag), _numbers(own)
    if not theirs or not ours:
        return False
    return theirs > ours or (theirs == ours and re.search(r"\d\.?(a|b|rc|dev)\d*", own) is not None)


def _numbers(version: str) -> tuple[int, ...]:
    """1.2 and v1.2.0 are the same; empty for what begins with no number, and for 0, which nobody ever released."""
    found = _TAG.match(version)
    numbers = [int(number) for number in found[1].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
